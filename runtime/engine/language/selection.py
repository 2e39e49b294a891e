"""The parts of JSONPath that reference paths lack: ``[*]``, ``..``, slices, unions and filters.

A path is read token by token. A token is a step, which a reference path may have too, or a segment. python-jsonpath
parses the text inside brackets, in its strict form (RFC 9535). The selection itself is made here, because AWS runs
Jayway JsonPath, which differs from the RFC: a filter on an object tests the object itself, and a union of names gives
one object.

AWS refuses some of that grammar: functions, operators that are words, and regular expressions. Filters compare members
only, never ``@`` itself. Source: AWS's developer guide, "Using JSONPath paths". The guide's limits on other values in
filters apply to reference paths: published machines that run on AWS filter by members of ``$``, such as aws-samples'
early-stopping-sf-bedrock and the notifications of gammarers' CDK constructs.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jsonpath import JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.filter import (
    BaseExpression,
    FilterExpression,
    FilterExpressionLiteral,
    FilterQuery,
    InfixExpression,
    IntegerLiteral,
    Nil,
    PrefixExpression,
    RelativeFilterQuery,
    RootFilterQuery,
)
from jsonpath.parse import Parser
from jsonpath.segments import JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath.selectors import (
    Filter,
    IndexSelector,
    JSONPathSelector,
    NameSelector,
    SliceSelector,
    WildcardSelector,
)
from jsonpath.stream import TokenStream

from stepwell.runtime.engine.language.brackets import PathSyntax, closing, strict
from stepwell.runtime.engine.values.jsontext import Json

Test = Callable[[Json, "Reading"], bool]
Operand = Callable[[Json, "Reading"], Json]

MOST_LOOKED_AT = 500_000
"""How many values one path may look at. The work of ``$..*..*..*`` grows with a power of the document's size."""

_STEP = re.compile(
    r"""\.((?:[^\s.\[\]'"$@(),:?*\\]|\\.)++)"""
    r"""|\.?\[\s*+(?:(0|-?[1-9][0-9]{0,8})|'((?:[^'\\]|\\.)*+)'|"((?:[^"\\]|\\.)*+)")\s*+\]""",
    re.DOTALL,
)
_EVERY = re.compile(r"\.\*|\.?\[\s*+\*\s*+\]")
_BRACKET = re.compile(r"\.?(?=\[)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# In single quotes a double quote needs no backslash: one that stands before it was seen to be part of the name.
_ESCAPED_IN_SINGLE_QUOTES = re.compile(r'\\([^"])', re.DOTALL)
_NOTHING = object()


class TooMuch(Exception):
    """A path would look at more than MOST_LOOKED_AT values."""


class Reading:
    """One evaluation of a path. ``root`` is ``$`` inside filters; ``left`` is how many more values it may look at."""

    def __init__(self, root: Json, left: int = MOST_LOOKED_AT) -> None:
        self.root = root
        self.left = left

    def spend(self, count: int = 1) -> None:
        """Count values that were looked at. Raises TooMuch."""
        self.left -= count
        if self.left < 0:
            raise TooMuch


class Segment:
    """A part of a path that may select any number of values."""

    def of(self, value: Json, reading: Reading) -> Iterator[Json]:
        """The selection from one value, in the document's order. Raises TooMuch."""
        raise NotImplementedError


def select(value: Json, segments: Sequence[Segment], reading: Reading) -> list[Json]:
    """The selection from a value by all segments, one after the other. Raises TooMuch."""
    found = [value]
    for segment in segments:
        found = [one for each in found for one in segment.of(each, reading)]
    return found


@dataclass(frozen=True)
class Child(Segment):
    """One member or item: a step behind a segment."""

    step: str | int

    def of(self, value: Json, reading: Reading) -> Iterator[Json]:
        reading.spend()
        if isinstance(self.step, str):
            if isinstance(value, dict) and self.step in value:
                yield value[self.step]
        elif isinstance(value, list) and -len(value) <= self.step < len(value):
            yield value[self.step]


@dataclass(frozen=True)
class Every(Segment):
    """All members or items: ``[*]``."""

    def of(self, value: Json, reading: Reading) -> Iterator[Json]:
        children = _children(value)
        reading.spend(len(children))
        yield from children


@dataclass(frozen=True)
class Slice(Segment):
    """Some items of a list: ``[from:to]``."""

    start: int | None
    stop: int | None

    def of(self, value: Json, reading: Reading) -> Iterator[Json]:
        if isinstance(value, list):
            reading.spend(len(value))
            yield from value[self.start : self.stop] if self._has_one_end else self._between(value, reading)

    @property
    def _has_one_end(self) -> bool:
        return self.start is None or self.stop is None

    def _between(self, value: list[Json], reading: Reading) -> Iterator[Json]:
        """Jayway counts from one end up to the other: ``[1:-1]`` selects nothing, ``[-2:0]`` the last two."""
        assert self.start is not None and self.stop is not None
        for at in range(max(self.start, -len(value)), min(self.stop, len(value))):
            yield value[at]


@dataclass(frozen=True)
class Union(Segment):
    """Several children, each by itself: ``[0,2]``, or ``['a','b']`` when more of the path follows."""

    steps: tuple[str, ...] | tuple[int, ...]

    def of(self, value: Json, reading: Reading) -> Iterator[Json]:
        for step in self.steps:
            yield from Child(step).of(value, reading)

    def at_the_end(self) -> Segment:
        """The segment in place of this one at the end of a path."""
        names = tuple(step for step in self.steps if isinstance(step, str))
        return Picked(names) if names else self


@dataclass(frozen=True)
class Picked(Segment):
    """One object of several members, without the missing ones: ``['a','b']`` at the end of a path."""

    names: tuple[str, ...]

    def of(self, value: Json, reading: Reading) -> Iterator[Json]:
        reading.spend(len(self.names))
        if isinstance(value, dict):
            yield {name: value[name] for name in self.names if name in value}


@dataclass(frozen=True)
class Where(Segment):
    """The elements of a list that pass a test; an object if it passes itself.

    Two tests do not compare; the texts of their paths do.
    """

    test: Test = field(compare=False, repr=False)

    def of(self, value: Json, reading: Reading) -> Iterator[Json]:
        for one in [value] if isinstance(value, dict) else _children(value):
            reading.spend()
            if self.test(one, reading):
                yield one


@dataclass(frozen=True)
class Descent(Segment):
    """The selection from a value and from everything below it, the upper values first: ``..``.

    A filter tests each object once. It skips lists, since it would test their elements a second time.
    """

    segment: Segment

    def of(self, value: Json, reading: Reading) -> Iterator[Json]:
        waiting = [value]
        while waiting:
            one = waiting.pop()
            reading.spend()
            if isinstance(one, dict) or (isinstance(one, list) and not isinstance(self.segment, Where)):
                yield from self.segment.of(one, reading)
            waiting.extend(reversed(_children(one)))


def token(text: str, at: int) -> tuple[str | int | Segment, int] | None:
    """The step or the segment at this index of a text, and the index behind it; None when there is none.

    Raises PathSyntax.
    """
    if match := _STEP.match(text, at):
        return _step(match), match.end()
    if match := _EVERY.match(text, at):
        return Every(), match.end()
    if text.startswith("..", at):
        return _descent(text, at + 1)
    if match := _BRACKET.match(text, at):
        return _bracket(text, match.end())
    return None


def _step(match: re.Match[str]) -> str | int:
    name, index, in_single, in_double = match.groups()
    if index is not None:
        return int(index)
    if in_single is not None:
        return _ESCAPED_IN_SINGLE_QUOTES.sub(r"\1", in_single)
    return _ESCAPED.sub(r"\1", in_double if name is None else name)


def _descent(text: str, at: int) -> tuple[Segment, int]:
    found = None if text.startswith("..", at) else token(text, at)
    if found is None:
        raise PathSyntax(f"'..' needs what to look for, not {text[at + 1 : at + 41]!r}")
    sought, end = found
    if isinstance(sought, Union):
        raise PathSyntax("'..' looks for one name or index, not for a union")
    return Descent(sought if isinstance(sought, Segment) else Child(sought)), end


def _bracket(text: str, at: int) -> tuple[str | int | Segment, int]:
    end = closing(text, at)
    inside = text[at:end]
    try:
        segments = _GRAMMAR.compile(f"${strict(inside)}").segments  # type: ignore[union-attr]  # strict paths are not compound
        segment = _segment(segments[0])
    except JSONPathError as fault:
        raise PathSyntax(f"what is {inside[:80]!r}? {str(fault).splitlines()[0][:80]}") from None
    return segment.step if isinstance(segment, Child) else segment, end


class _Parser(Parser):
    def parse_integer_literal(self, stream: TokenStream) -> BaseExpression:
        """A whole number as it is written: the parser's own way through a double would blur an id of 64 bits."""
        text = stream.current().value
        literal = super().parse_integer_literal(stream)
        return IntegerLiteral(value=int(text)) if text.lstrip("-").isdigit() else literal


class _Grammar(JSONPathEnvironment):
    parser_class = _Parser

    def setup_function_extensions(self) -> None:
        """None: AWS has no functions in paths."""


_GRAMMAR = _Grammar(strict=True)


def _segment(parsed: JSONPathSegment) -> Segment:
    segment = _one(parsed.selectors[0]) if len(parsed.selectors) == 1 else _union(parsed.selectors)
    return Descent(segment) if isinstance(parsed, JSONPathRecursiveDescentSegment) else segment


def _one(selector: JSONPathSelector) -> Segment:
    match selector:
        case NameSelector():
            return Child(selector.name)
        case IndexSelector():
            return Child(selector.index)
        case WildcardSelector():
            return Every()
        case SliceSelector() if selector.slice.step in (None, 1):
            return Slice(selector.slice.start, selector.slice.stop)
        case SliceSelector():
            raise PathSyntax("a slice has no step: AWS knows [from:to] only")
        case Filter():
            return Where(_test(selector.expression))
    raise PathSyntax("brackets hold names, indexes, a slice, '*' or a filter")


def _union(selectors: Sequence[JSONPathSelector]) -> Segment:
    names = tuple(one.name for one in selectors if isinstance(one, NameSelector))
    indexes = tuple(one.index for one in selectors if isinstance(one, IndexSelector))
    if len(selectors) not in (len(names), len(indexes)):
        raise PathSyntax("a union is of names or of indexes")
    return Union(names or indexes)


def _test(expression: BaseExpression) -> Test:
    """The test of a filter's expression. Raises PathSyntax."""
    match expression:
        case FilterExpression():
            return _test(expression.expression)
        case PrefixExpression():
            opposite = _test(expression.right)
            return lambda value, reading: not opposite(value, reading)
        case InfixExpression(operator="&&"):
            both = _test(expression.left), _test(expression.right)
            return lambda value, reading: both[0](value, reading) and both[1](value, reading)
        case InfixExpression(operator="||"):
            either = _test(expression.left), _test(expression.right)
            return lambda value, reading: either[0](value, reading) or either[1](value, reading)
        case InfixExpression():
            return _comparison(expression)
        case RelativeFilterQuery() | RootFilterQuery():
            found = _query(expression)
            return lambda value, reading: bool(found(value, reading))
    raise PathSyntax("a filter tests members of @ and of $")


def _comparison(expression: InfixExpression) -> Test:
    holds = _RELATIONS.get(expression.operator)
    if holds is None:
        raise PathSyntax(f"a filter has no operator {expression.operator!r}")
    left, right = _operand(expression.left), _operand(expression.right)
    return lambda value, reading: holds(left(value, reading), right(value, reading))


def _operand(expression: BaseExpression) -> Operand:
    match expression:
        case FilterExpressionLiteral():
            literal = expression.value
            return lambda value, reading: literal
        case Nil():
            return lambda value, reading: None
        case RelativeFilterQuery() | RootFilterQuery():
            found = _query(expression)
            return lambda value, reading: next(iter(found(value, reading)), _NOTHING)
    raise PathSyntax("a filter compares members of @ and of $, and literals")


def _query(query: FilterQuery) -> Callable[[Json, Reading], list[Json]]:
    """The selection by a query inside a filter, from the tested element or from the whole document.

    Raises PathSyntax.
    """
    if query.path.empty():
        raise PathSyntax("a filter tests a member, such as @.a, and never @ or $ itself")
    segments = tuple(_segment(segment) for segment in query.path.segments)
    if isinstance(query, RootFilterQuery):
        return lambda value, reading: select(reading.root, segments, reading)
    return lambda value, reading: select(value, segments, reading)


def _children(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(left: Json, right: Json) -> bool:
    """True for equal values of one type. A missing value equals nothing, not even another missing one."""
    alike = type(left) is type(right) or (_is_number(left) and _is_number(right))
    return left is not _NOTHING and alike and bool(left == right)


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Json, Json], bool]:
    def compared(left: Json, right: Json) -> bool:
        """True if the relation holds. Only two numbers or two strings compare."""
        alike = (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))
        return alike and holds(left, right)

    return compared


_RELATIONS: dict[str, Callable[[Json, Json], bool]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
}
