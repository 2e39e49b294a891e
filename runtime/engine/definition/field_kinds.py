"""The kinds of values in definitions, as functions ``(value, where) -> faults``, and the check of an object."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stepwell.runtime.engine.language import choice_rules, templates
from stepwell.runtime.engine.language.intrinsics import IntrinsicSyntax
from stepwell.runtime.engine.language.jsonata.expressions import (
    RESERVED,
    JsonataSyntax,
    is_expression,
    members_of_states,
    top_level_references,
)
from stepwell.runtime.engine.language.jsonata.expressions import compile_template as compile_jsonata
from stepwell.runtime.engine.language.paths import PathSyntax, parse, parse_reference
from stepwell.runtime.engine.language.templates import expression as compile_expression
from stepwell.runtime.engine.values import names
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.locations import Location, Steps

MOST_KNOWN = 300
"""No hint is looked for among more words than these: a hundred faults with a hint each must not take seconds."""

LONGEST_MESSAGE = 400
LARGEST_ON_AWS = 99999999
"""AWS's upper bound of time-outs and retries. We take the same, though a retry waits a year at most."""
_SHOWN = 100
VARIABLE = re.compile(r"[^\W\d]\w*")


SCHEMA = "SCHEMA_VALIDATION_FAILED"
RESOURCE = "INVALID_RESOURCE"
TARGET = "MISSING_TRANSITION_TARGET"
NO_END = "MISSING_END_STATE"
TWICE = "DUPLICATE_STATE_NAME"
BAD_NAME = "INVALID_STATE_NAME"
"""AWS's codes of faults. Source: its API reference, "ValidateStateMachineDefinitionDiagnostic"."""


@dataclass(frozen=True)
class Fault:
    """One fault of a definition: its location, a message, a hint at the probable intention, and AWS's code."""

    where: Location
    message: str
    hint: str | None = None
    code: str = SCHEMA
    on_aws: tuple[str, Location] | None = None
    """AWS's own words, with the location that it names, where it was seen to say them."""

    @property
    def path(self) -> str:
        """The location as a JSONPath."""
        return str(self.where)

    @property
    def full_message(self) -> str:
        """The message, with the hint in parentheses."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


Kind = Callable[[Json, Location], Iterator[Fault]]


@dataclass(frozen=True)
class FieldRule:
    """The rule for one field."""

    kind: Kind
    required: bool = False


Table = Mapping[str, FieldRule]


def check(
    value: Json, where: Location, table: Table, what: str, elsewhere: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Fault]:
    """The faults of an object against the table of its fields. ``what`` names the object in messages.

    ``elsewhere`` has the end of the message for unknown fields that are known to other objects.
    """
    if not isinstance(value, dict):
        yield Fault(where, f"{what} must be an object, not {named(value)}")
        return
    for field in sorted(value.keys() - table.keys()):
        message = f"{what} has no field {shown(field)}{elsewhere.get(field, '')}"
        yield Fault(where / field, message, did_you_mean(field, table))
    for field, rule in table.items():
        if field in value:
            yield from rule.kind(value[field], where / field)
        elif rule.required:
            yield Fault(where, f"{what} needs the field {field!r}")


def did_you_mean(word: str, known: Collection[str]) -> str | None:
    """A hint at the known word most like this one. None when none is like it, or the search would cost too much."""
    if len(word) > names.LONGEST or len(known) > MOST_KNOWN:
        return None
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.7)
    return f"did you mean {by_lower[near[0]]!r}?" if near else None


def named(value: Json) -> str:
    """The type of a value, in JSON's words."""
    words = {str: "a string", bool: "a boolean", dict: "an object", list: "a list", type(None): "null"}
    return words.get(type(value), "a number")


def cut(text: str) -> str:
    """A user's text, cut to the length that a message repeats."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def shown(text: str) -> str:
    """A text in quotes, cut."""
    return repr(cut(text))


def anything(value: Json, where: Location) -> Iterator[Fault]:
    yield from ()


def text(value: Json, where: Location) -> Iterator[Fault]:
    if not isinstance(value, str):
        yield Fault(where, f"must be a string, not {named(value)}")


def text_up_to(longest: int) -> Kind:
    def kind(value: Json, where: Location) -> Iterator[Fault]:
        yield from text(value, where)
        if isinstance(value, str) and len(value) > longest:
            yield Fault(where, f"has at most {longest} characters")

    return kind


def name(value: Json, where: Location) -> Iterator[Fault]:
    fault = names.fault_of(value)
    if fault:
        yield Fault(where, fault)


def flag(value: Json, where: Location) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield Fault(where, f"must be true or false, not {named(value)}")


def number(least: float, most: float, *, whole: bool = False, above: bool = False) -> Kind:
    """A number from ``least`` to ``most``. With ``above`` the number must be above ``least``."""

    def kind(value: Json, where: Location) -> Iterator[Fault]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield Fault(where, f"must be a {'whole ' if whole else ''}number, not {named(value)}")
        elif whole and not isinstance(value, int):
            yield Fault(where, f"must be a whole number, not {value}")
        elif value > most or value < least or (above and value == least):
            yield Fault(where, f"must be {'above' if above else 'at least'} {least} and at most {most}")

    return kind


def choice(*allowed: str) -> Kind:
    def kind(value: Json, where: Location) -> Iterator[Fault]:
        if value not in allowed:
            hint = did_you_mean(value, allowed) if isinstance(value, str) else None
            yield Fault(where, f"must be one of {', '.join(allowed)}", hint)

    return kind


def object_of(table: Table, what: str) -> Kind:
    def kind(value: Json, where: Location) -> Iterator[Fault]:
        yield from check(value, where, table, what)

    return kind


def an_object(value: Json, where: Location) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(where, f"must be an object, not {named(value)}")


def list_of(kind_of_item: Kind, least: int = 0) -> Kind:
    def kind(value: Json, where: Location) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield Fault(where, f"must be a list, not {named(value)}")
            return
        if len(value) < least:
            yield Fault(where, f"needs at least {least}", on_aws=None if value else ("Value cannot be empty", where))
        for index, item in enumerate(value):
            yield from kind_of_item(item, where / index)

    return kind


def a_path(value: Json, where: Location) -> Iterator[Fault]:
    yield from text(value, where)
    if isinstance(value, str):
        yield from spelled(parse, value, where)


def path_or_null(value: Json, where: Location) -> Iterator[Fault]:
    if value is not None:
        yield from a_path(value, where)


def reference_path_or_null(value: Json, where: Location) -> Iterator[Fault]:
    if value is None:
        return
    yield from text(value, where)
    if isinstance(value, str) and value.startswith("$$"):
        yield Fault(where, "nothing can be written into the context object")
    elif isinstance(value, str):
        yield from spelled(parse_reference, value, where)


def template(value: Json, where: Location) -> Iterator[Fault]:
    for way, message in templates.faults(value):
        yield Fault(where / way, message[:LONGEST_MESSAGE], on_aws=_of_member(way, where))


def _of_member(way: Steps, where: Location) -> tuple[str, Location] | None:
    """AWS's words for a member whose path or call does not parse: it names the whole template's location."""
    if not way or not str(way[-1]).endswith(".$"):
        return None
    return f"The value for the field '{way[-1]}' must be a valid JSONPath or a valid intrinsic function call", where


def credentials(kind_of_value: Kind) -> Kind:
    """The credentials of a Task: the role that it assumes, and perhaps more."""

    def kind(value: Json, where: Location) -> Iterator[Fault]:
        yield from kind_of_value(value, where)
        if isinstance(value, dict) and not value.keys() & {"RoleArn", "RoleArn.$"}:
            yield Fault(where, "The field 'RoleArn' is required but was missing")

    return kind


def pattern(value: Json, where: Location) -> Iterator[Fault]:
    yield from text(value, where)
    if isinstance(value, str):
        yield from spelled(choice_rules.pattern, value, where)


def timestamp(value: Json, where: Location) -> Iterator[Fault]:
    yield from text(value, where)
    if isinstance(value, str) and not choice_rules.is_instant(value):
        message = f"must be a timestamp such as 2026-11-24T03:00:00Z, not {shown(value)}"
        yield Fault(where, message, on_aws=("String does not match RFC3339 timestamp", where))


def spelled(compile: Callable[[Any], object], value: Json, where: Location) -> Iterator[Fault]:
    """The fault of a text that ``compile`` refuses with a ValueError."""
    try:
        compile(value)
    except (PathSyntax, IntrinsicSyntax, ValueError) as fault:
        yield Fault(where, str(fault)[:LONGEST_MESSAGE])


def expression(value: Json, where: Location) -> Iterator[Fault]:
    """A path, or a call of an intrinsic function."""
    yield from text(value, where)
    if isinstance(value, str):
        yield from spelled(compile_expression, value, where)


def jsonata_seeing(*members: str) -> Kind:
    """Any value whose JSONata expressions are correct.

    ``members`` are the members of ``$states`` that only some fields see.
    """

    def kind(value: Json, where: Location) -> Iterator[Fault]:
        for way, text in _texts(value, ()):
            yield from _jsonata_text(text, where / way, frozenset(members))

    return kind


def _jsonata_text(text: str, where: Location, members: frozenset[str]) -> Iterator[Fault]:
    try:
        found = compile_jsonata(text).expressions()
    except JsonataSyntax as fault:
        yield Fault(where, str(fault)[:LONGEST_MESSAGE])
        return
    for _, expression in found:
        for name in top_level_references(expression):
            yield Fault(where, f"{shown(name)} refers to a context, but there is none")
        for name in sorted(members_of_states(expression) & SOMETIMES - members):
            yield Fault(where, f"$states.{name} is not known here")


def _texts(value: Json, way: Steps) -> Iterator[tuple[Steps, str]]:
    """Every string in a value, each with the steps to it. The names of members do not count."""
    if isinstance(value, str):
        yield way, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in members:
        yield from _texts(one, (*way, step))


SOMETIMES = frozenset({"result", "errorOutput"})
"""The members of ``$states`` that only some fields see. Source: developer guide, "Reserved variable: $states"."""

jsonata = jsonata_seeing()


def or_jsonata(kind: Kind) -> Kind:
    """A value of this kind, or a JSONata expression."""

    def either(value: Json, where: Location) -> Iterator[Fault]:
        yield from jsonata(value, where) if isinstance(value, str) and is_expression(value) else kind(value, where)

    return either


def assign(values: Kind) -> Kind:
    """An object of variables, by name, with values of this kind.

    Source: the states language specification, "Assign".
    """

    def kind(value: Json, where: Location) -> Iterator[Fault]:
        yield from an_object(value, where)
        if not isinstance(value, dict):
            return
        for member in value:
            name = member.removesuffix(".$")
            if not VARIABLE.fullmatch(name) or len(name) > names.LONGEST or name == RESERVED:
                yield Fault(where / member, f"{shown(member)} cannot be the name of a variable")
        yield from values(value, where)

    return kind
