"""What a definition may hold, as tables: where, which fields, of what kind, and whether they must be there.

A kind is a function ``(value, path) -> faults``. The tables of the state machine follow the Amazon States Language
specification; the step list's and the flow's are our own.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.engine import choice_rules, names
from runtime.engine.intrinsics import IntrinsicSyntax
from runtime.engine.paths import PathSyntax, parse, parse_reference
from runtime.engine.templates import compile as compile_template

Json = Any

MOST_KNOWN = 300
"""A hint is looked for among no more words than these: a hundred faults with a hint each must not take seconds."""

LONGEST_MESSAGE = 400
_SHOWN = 100


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where (a JSONPath into the document), what, and what was probably meant."""

    path: str
    message: str
    hint: str | None = None


Kind = Callable[[Json, str], Iterator[Fault]]


@dataclass(frozen=True)
class Field:
    kind: Kind
    required: bool = False


Table = Mapping[str, Field]


def check(value: Json, path: str, table: Table, what: str) -> Iterator[Fault]:
    """The faults of an object against a table of its fields."""
    if not isinstance(value, dict):
        yield Fault(path, f"{what} must be an object, not {named(value)}")
        return
    for field in sorted(value.keys() - table.keys()):
        yield Fault(f"{path}.{cut(field)}", f"{what} has no field {shown(field)}", did_you_mean(field, table))
    for field, rule in table.items():
        if field in value:
            yield from rule.kind(value[field], f"{path}.{field}")
        elif rule.required:
            yield Fault(path, f"{what} needs the field {field!r}")


def did_you_mean(word: str, known: Collection[str]) -> str | None:
    """A hint at the known word that was probably meant; none where looking for it would cost too much."""
    if len(word) > names.LONGEST or len(known) > MOST_KNOWN:
        return None
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.7)
    return f"did you mean {by_lower[near[0]]!r}?" if near else None


def named(value: Json) -> str:
    """What a value is, in JSON's words."""
    words = {str: "a string", bool: "a boolean", dict: "an object", list: "a list", type(None): "null"}
    return words.get(type(value), "a number")


def cut(text: str) -> str:
    """As much of somebody else's text as a message repeats."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def shown(text: str) -> str:
    """A text in quotes, cut."""
    return repr(cut(text))


def anything(value: Json, path: str) -> Iterator[Fault]:
    yield from ()


def text(value: Json, path: str) -> Iterator[Fault]:
    if not isinstance(value, str):
        yield Fault(path, f"must be a string, not {named(value)}")


def text_up_to(longest: int) -> Kind:
    def kind(value: Json, path: str) -> Iterator[Fault]:
        yield from text(value, path)
        if isinstance(value, str) and len(value) > longest:
            yield Fault(path, f"has at most {longest} characters")

    return kind


def name(value: Json, path: str) -> Iterator[Fault]:
    fault = names.fault_of(value)
    if fault:
        yield Fault(path, fault)


def flag(value: Json, path: str) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield Fault(path, f"must be true or false, not {named(value)}")


def number(least: float, most: float, *, whole: bool = False, above: bool = False) -> Kind:
    """A number between two bounds; ``above``: the least one itself is not allowed."""

    def kind(value: Json, path: str) -> Iterator[Fault]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield Fault(path, f"must be a {'whole ' if whole else ''}number, not {named(value)}")
        elif whole and not isinstance(value, int):
            yield Fault(path, f"must be a whole number, not {value}")
        elif value > most or value < least or (above and value == least):
            yield Fault(path, f"must be {'above' if above else 'at least'} {least} and at most {most}")

    return kind


def choice(*allowed: str) -> Kind:
    def kind(value: Json, path: str) -> Iterator[Fault]:
        if value not in allowed:
            hint = did_you_mean(value, allowed) if isinstance(value, str) else None
            yield Fault(path, f"must be one of {', '.join(allowed)}", hint)

    return kind


def query_language(value: Json, path: str) -> Iterator[Fault]:
    if value == "JSONata":
        yield Fault(path, "JSONata cannot be evaluated yet")
    else:
        yield from choice("JSONPath")(value, path)


def object_of(table: Table, what: str) -> Kind:
    def kind(value: Json, path: str) -> Iterator[Fault]:
        yield from check(value, path, table, what)

    return kind


def an_object(value: Json, path: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(path, f"must be an object, not {named(value)}")


def list_of(kind_of_item: Kind, least: int = 0) -> Kind:
    def kind(value: Json, path: str) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield Fault(path, f"must be a list, not {named(value)}")
            return
        if len(value) < least:
            yield Fault(path, f"needs at least {least}")
        for index, item in enumerate(value):
            yield from kind_of_item(item, f"{path}[{index}]")

    return kind


def a_path(value: Json, path: str) -> Iterator[Fault]:
    yield from text(value, path)
    if isinstance(value, str):
        yield from _spelled(parse, value, path)


def path_or_null(value: Json, path: str) -> Iterator[Fault]:
    if value is not None:
        yield from a_path(value, path)


def reference_path_or_null(value: Json, path: str) -> Iterator[Fault]:
    if value is None:
        return
    yield from text(value, path)
    if isinstance(value, str) and value.startswith("$$"):
        yield Fault(path, "nothing can be written into the context object")
    elif isinstance(value, str):
        yield from _spelled(parse_reference, value, path)


def template(value: Json, path: str) -> Iterator[Fault]:
    yield from _spelled(compile_template, value, path)


def pattern(value: Json, path: str) -> Iterator[Fault]:
    yield from text(value, path)
    if isinstance(value, str):
        yield from _spelled(choice_rules.pattern, value, path)


def timestamp(value: Json, path: str) -> Iterator[Fault]:
    yield from text(value, path)
    if isinstance(value, str) and not choice_rules.is_instant(value):
        yield Fault(path, f"must be a timestamp such as 2026-11-24T03:00:00Z, not {shown(value)}")


def choice_rule(value: Json, path: str) -> Iterator[Fault]:
    """A rule of ``Choices``."""
    yield from _rule(value, path, CHOICE_RULE, "a choice rule")


def nested_rule(value: Json, path: str) -> Iterator[Fault]:
    """A rule inside And, Or and Not."""
    yield from _rule(value, path, NESTED_RULE, "a nested rule")


def _rule(value: Json, path: str, table: Table, what: str) -> Iterator[Fault]:
    yield from check(value, path, table, what)
    if (
        isinstance(value, dict) and value.keys() <= table.keys()
    ):  # else the operator may be the field that is misspelled
        yield from _one_operator(value, path, what)


def _one_operator(rule: Mapping[str, Json], path: str, what: str) -> Iterator[Fault]:
    found = [name for name in rule if name in OPERATORS or name in COMBINATIONS]
    if not found:
        yield Fault(path, f"{what} needs an operator, such as 'StringEquals' or 'And'")
    elif len(found) > 1:
        yield Fault(path, f"{what} has one operator, not {len(found)}: {', '.join(found)}")
    elif found[0] in OPERATORS and "Variable" not in rule:
        yield Fault(path, f"{what} with {found[0]!r} needs the field 'Variable'")
    elif found[0] in COMBINATIONS and "Variable" in rule:
        yield Fault(f"{path}.Variable", f"{what} with {found[0]!r} has no field 'Variable'")


def _spelled(compile: Callable[[Any], object], value: Json, path: str) -> Iterator[Fault]:
    try:
        compile(value)
    except (PathSyntax, IntrinsicSyntax, ValueError) as fault:
        yield Fault(path, str(fault)[:LONGEST_MESSAGE])


YEAR = 366 * 24 * 3600
SECONDS = number(0, YEAR, above=True)
LARGEST_ON_AWS = 99999999
"""AWS's own bound of a machine's time-outs and retries: what it takes is taken. A retry waits a year at most anyway."""

RETRY: Table = {
    "maxAttempts": Field(number(1, 1000, whole=True)),
    "intervalSeconds": Field(number(0, YEAR)),
    "backoffRate": Field(number(1, 100)),
    "maxDelaySeconds": Field(SECONDS),
}

STEP: Table = {
    "taskName": Field(text, required=True),
    "name": Field(name),
    "data": Field(anything),
    "retry": Field(object_of(RETRY, "a retry")),
    "timeoutSeconds": Field(SECONDS),
}

BACKOFF: Table = {
    "type": Field(choice("fixed", "exponential"), required=True),
    "delay": Field(number(0, YEAR * 1000), required=True),
}

FLOW_OPTIONS: Table = {
    "attempts": Field(number(1, 1000, whole=True)),
    "backoff": Field(object_of(BACKOFF, "a backoff")),
    "delay": Field(number(0, YEAR * 1000)),
}

RETRIER: Table = {
    "ErrorEquals": Field(list_of(text, least=1), required=True),
    "IntervalSeconds": Field(number(0, LARGEST_ON_AWS)),
    "MaxAttempts": Field(number(0, LARGEST_ON_AWS, whole=True)),
    "BackoffRate": Field(number(1, 1000)),
    "MaxDelaySeconds": Field(SECONDS),
    "JitterStrategy": Field(choice("FULL", "NONE")),
    "Comment": Field(text),
}

CATCHER: Table = {
    "ErrorEquals": Field(list_of(text, least=1), required=True),
    "Next": Field(text, required=True),
    "ResultPath": Field(reference_path_or_null),
    "Comment": Field(text),
}

_OPERANDS: Mapping[str, Kind] = {
    "String": text,
    "Numeric": number(-math.inf, math.inf),
    "Boolean": flag,
    "Timestamp": timestamp,
}

OPERATORS: Table = {
    **{name: Field(_OPERANDS[one.kind]) for name, one in choice_rules.COMPARISONS.items()},
    **{f"{name}Path": Field(a_path) for name in choice_rules.COMPARISONS},
    **{name: Field(flag) for name in (*choice_rules.TESTS, "IsPresent")},
    "StringMatches": Field(pattern),
}

COMBINATIONS: Table = {
    "And": Field(list_of(nested_rule, least=1)),
    "Or": Field(list_of(nested_rule, least=1)),
    "Not": Field(nested_rule),
}

NESTED_RULE: Table = {"Variable": Field(a_path), "Comment": Field(text), **OPERATORS, **COMBINATIONS}
CHOICE_RULE: Table = {**NESTED_RULE, "Next": Field(text, required=True)}

MACHINE: Table = {
    "StartAt": Field(text, required=True),
    "States": Field(an_object, required=True),
    "Comment": Field(text),
    "TimeoutSeconds": Field(number(0, LARGEST_ON_AWS, above=True)),
    "Version": Field(choice("1.0")),
    "QueryLanguage": Field(query_language),
}

BRANCH: Table = {name: MACHINE[name] for name in ("StartAt", "States", "Comment")}

_ANY: Table = {"Type": Field(text, required=True), "Comment": Field(text), "QueryLanguage": Field(query_language)}
_GOES_ON: Table = {"Next": Field(text), "End": Field(flag)}
_INPUT_OUTPUT: Table = {"InputPath": Field(path_or_null), "OutputPath": Field(path_or_null)}
_WORK: Table = {
    "Parameters": Field(template),
    "ResultSelector": Field(template),
    "ResultPath": Field(reference_path_or_null),
    "Retry": Field(list_of(object_of(RETRIER, "a retrier"))),
    "Catch": Field(list_of(object_of(CATCHER, "a catcher"))),
}

TOKEN_PARAMETERS: Table = {"FunctionName": Field(text, required=True), "Payload": Field(template)}

STATES: Mapping[str, Table] = {
    "Pass": {
        **_ANY,
        **_GOES_ON,
        **_INPUT_OUTPUT,
        "Parameters": Field(template),
        "Result": Field(anything),
        "ResultPath": Field(reference_path_or_null),
    },
    "Task": {
        **_ANY,
        **_GOES_ON,
        **_INPUT_OUTPUT,
        **_WORK,
        "Resource": Field(text, required=True),
        "TimeoutSeconds": Field(number(0, LARGEST_ON_AWS, above=True)),
    },
    "Choice": {
        **_ANY,
        **_INPUT_OUTPUT,
        "Choices": Field(list_of(choice_rule, least=1), required=True),
        "Default": Field(text),
    },
    "Wait": {**_ANY, **_GOES_ON, **_INPUT_OUTPUT, "Seconds": Field(number(0, YEAR), required=True)},
    "Parallel": {**_ANY, **_GOES_ON, **_INPUT_OUTPUT, **_WORK, "Branches": Field(list_of(anything, 1), required=True)},
    "Succeed": {**_ANY, **_INPUT_OUTPUT},
    "Fail": {**_ANY, "Error": Field(text_up_to(256)), "Cause": Field(text_up_to(32768))},
}
"""The state types that run today. Map, and JSONata, are refused by name until they do."""

LATER = ("Map",)
