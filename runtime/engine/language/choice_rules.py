"""Choice rules in JSONPath. Each is compiled once, into a function that returns whether the rule holds.

Tables give the 39 operators: KINDS reads a value as one of a kind, RELATIONS compares two values of a kind, TESTS looks
at one value. Source: the Amazon States Language specification, section "Choice State".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from stepwell.runtime.engine.language.budget import characters
from stepwell.runtime.engine.language.fields import Field
from stepwell.runtime.engine.language.paths import PathMissing, parse
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.times import instant

Condition = Callable[[Scope], bool]
"""Returns whether a rule holds. Raises ConditionFault; in JSONata the faults of its expression."""

_OTHER = object()
"""The reading of a value that is not of the wanted kind."""

_PLAIN = re.compile(r"(?:[^*\\]++|\\[*\\])*+")
_ESCAPED = re.compile(r"\\(.)")


class ConditionFault(Exception):
    """A rule cannot be evaluated."""


class PatternSyntax(ValueError):
    """The text is not a pattern of StringMatches."""


@dataclass(frozen=True)
class Rule:
    """One entry of ``Choices``: its target if the condition holds, and the fields for output and variables."""

    next: str
    condition: Condition
    output: Field | None = None
    assign: Field | None = None


@dataclass(frozen=True)
class Comparison:
    """An operator between two values of one kind."""

    kind: str
    read: Callable[[Json], Any]
    holds: Callable[[Any, Any], bool]


def compile(rule: Mapping[str, Json]) -> Condition:
    """The condition of a valid rule, nested rules included."""
    name = next(name for name in rule if name in OPERATORS or name in COMBINATIONS)
    if name in COMBINATIONS:
        nested = [rule[name]] if name == "Not" else rule[name]
        return COMBINATIONS[name]([compile(one) for one in nested])
    return OPERATORS[name](rule["Variable"], rule[name])


def pattern(text: str) -> Callable[[str], bool]:
    """The test of a StringMatches pattern. It takes no more than linear time for each wildcard. Raises PatternSyntax.

    ``*`` matches any characters, or none; ``\\*`` and ``\\\\`` match the characters themselves.
    """
    first, *others = _pieces(text)
    if not others:
        return first.__eq__
    *middle, last = others

    def matches(value: str) -> bool:
        end = len(value) - len(last)
        if not (value.startswith(first) and value.endswith(last)) or end < len(first):
            return False
        start = len(first)
        for piece in middle:
            found = value.find(piece, start, end)
            if found < 0:
                return False
            start = found + len(piece)
        return True

    return matches


def _pieces(text: str) -> list[str]:
    """The pieces between the wildcards of a pattern."""
    pieces: list[str] = []
    end = -1
    while end < len(text):
        start = end + 1
        end = _PLAIN.match(text, start).end()  # type: ignore[union-attr]  # it matches the empty string, too
        if text[end : end + 1] == "\\":
            raise PatternSyntax("a backslash must stand before '*' or another backslash")
        pieces.append(_ESCAPED.sub(r"\1", text[start:end]))
    return pieces


def _instant(value: Json) -> Any:
    found = instant(value)
    return _OTHER if found is None else found


def is_instant(value: Json) -> bool:
    return _instant(value) is not _OTHER


def _string(value: Json) -> Any:
    return value if isinstance(value, str) else _OTHER


def _number(value: Json) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _OTHER


def _boolean(value: Json) -> Any:
    return value if isinstance(value, bool) else _OTHER


KINDS: Mapping[str, Callable[[Json], Any]] = {
    "String": _string,
    "Numeric": _number,
    "Boolean": _boolean,
    "Timestamp": _instant,
}

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}

RELATIONS: Mapping[str, Mapping[str, Callable[[Any, Any], bool]]] = {
    "String": _ORDER,
    "Numeric": _ORDER,
    "Boolean": {"Equals": operator.eq},
    "Timestamp": _ORDER,
}

COMPARISONS: Mapping[str, Comparison] = {
    f"{kind}{relation}": Comparison(kind, KINDS[kind], holds)
    for kind, relations in RELATIONS.items()
    for relation, holds in relations.items()
}
"""The operators that compare with a value. Each has a form ``...Path`` that compares with the value at a path."""

TESTS: Mapping[str, Callable[[Json], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": lambda value: _number(value) is not _OTHER,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": is_instant,
}


def _reader(text: str) -> Callable[[Scope], Json]:
    path = parse(text)

    def read(scope: Scope) -> Json:
        try:
            value = scope.at_path(path)
        except PathMissing:
            raise ConditionFault(
                f"Invalid path '{text}': The choice state's condition path references an invalid value."
            ) from None
        scope.budget.element(1 + characters(value) if isinstance(value, str) else 1)
        return value

    return read


def _compares(comparison: Comparison, variable: str, operand: Json) -> Condition:
    value_of, read, holds, expected = _reader(variable), comparison.read, comparison.holds, comparison.read(operand)

    def condition(scope: Scope) -> bool:
        found = read(value_of(scope))
        return found is not _OTHER and holds(found, expected)

    return condition


def _compares_path(comparison: Comparison, variable: str, operand: str) -> Condition:
    value_of, other_of, read, holds = _reader(variable), _reader(operand), comparison.read, comparison.holds

    def condition(scope: Scope) -> bool:
        found, other = read(value_of(scope)), read(other_of(scope))
        return found is not _OTHER and other is not _OTHER and holds(found, other)

    return condition


def _matches(variable: str, operand: str) -> Condition:
    value_of, matches = _reader(variable), pattern(operand)

    def condition(scope: Scope) -> bool:
        found = value_of(scope)
        return isinstance(found, str) and matches(found)

    return condition


def _tests(test: Callable[[Json], bool], variable: str, operand: bool) -> Condition:
    value_of = _reader(variable)

    def condition(scope: Scope) -> bool:
        return test(value_of(scope)) is operand

    return condition


def _is_present(variable: str, operand: bool) -> Condition:
    path = parse(variable)

    def condition(scope: Scope) -> bool:
        try:
            scope.at_path(path)
        except PathMissing:
            return not operand
        return operand

    return condition


OPERATORS: Mapping[str, Callable[[str, Any], Condition]] = {
    **{name: partial(_compares, one) for name, one in COMPARISONS.items()},
    **{f"{name}Path": partial(_compares_path, one) for name, one in COMPARISONS.items()},
    **{name: partial(_tests, one) for name, one in TESTS.items()},
    "StringMatches": _matches,
    "IsPresent": _is_present,
}
"""The operators on a ``Variable``: each makes the condition from that path and the operand."""


def _every(nested: Sequence[Condition]) -> Condition:
    return lambda scope: all(one(scope) for one in nested)


def _some(nested: Sequence[Condition]) -> Condition:
    return lambda scope: any(one(scope) for one in nested)


def _opposite(nested: Sequence[Condition]) -> Condition:
    (only,) = nested
    return lambda scope: not only(scope)


COMBINATIONS: Mapping[str, Callable[[Sequence[Condition]], Condition]] = {"And": _every, "Or": _some, "Not": _opposite}
