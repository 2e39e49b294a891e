"""Intrinsic functions of payload templates: ``States.Format('{}/{}', $$.Execution.Id, 'a')``.

A closed table of name -> function. Source: the Amazon States Language specification, appendix "Intrinsic Functions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.engine import jsontext
from runtime.engine.paths import Path, PathSyntax, scan

Json = Any

DEEPEST = 10
"""How deep calls may stand in calls: AWS's own limit."""

_SPACE = re.compile(r"\s*+")
_NAME = re.compile(r"States\.[A-Za-z0-9]+")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*+)'", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"true|false|null")
_ESCAPED = re.compile(r"\\(['\\{}])")
_ESCAPED_OR_PLACE = re.compile(r"\\(['\\{}])|\{\}")


class IntrinsicSyntax(ValueError):
    """The text is not a call of an intrinsic function."""


class IntrinsicFault(ValueError):
    """An intrinsic function was called with what it cannot take."""


@dataclass(frozen=True)
class Call:
    """A compiled call; its arguments are literals, paths and calls."""

    name: str
    arguments: tuple[Any, ...]

    def value(self, document: Json, context: Mapping[str, Json]) -> Json:
        """What the call gives. Raises IntrinsicFault, PathMissing."""
        return FUNCTIONS[self.name].apply(*(_evaluate(one, document, context) for one in self.arguments))


@dataclass(frozen=True)
class Literal:
    value: Json


@dataclass(frozen=True)
class Intrinsic:
    """A function, and how many arguments it takes; ``most`` is None for any number."""

    apply: Callable[..., Json]
    least: int
    most: int | None


def parse_call(text: str) -> Call:
    """The call that a text spells. Raises IntrinsicSyntax."""
    reader = _Reader(text)
    call = reader.call(1)
    if reader.at < len(text):
        raise reader.fault(f"what is {reader.rest!r} after the call?")
    return call


class _Reader:
    """Reads a text once, from left to right; ``at`` is how far it has come."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.take(_SPACE)

    @property
    def rest(self) -> str:
        """The beginning of what is still to be read, for messages."""
        return self.text[self.at : self.at + 40]

    def fault(self, message: str) -> IntrinsicSyntax:
        return IntrinsicSyntax(f"{self.text[:80]!r}: {message}")

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What stands next, when it is this, and the white space behind it."""
        match = pattern.match(self.text, self.at)
        if match is not None:
            self._move(match.end())
        return match

    def takes(self, character: str) -> bool:
        found = self.text.startswith(character, self.at)
        if found:
            self._move(self.at + 1)
        return found

    def call(self, depth: int) -> Call:
        begin = self.at
        match = self.take(_NAME)
        if match is None or match.group() not in FUNCTIONS:
            word = self.text[begin:].split("(", 1)[0][:40]
            raise self.fault(f"there is no intrinsic function {word!r}. Known: {', '.join(sorted(FUNCTIONS))}")
        if depth > DEEPEST:
            raise self.fault(f"calls stand in calls deeper than {DEEPEST}")
        if not self.takes("("):
            raise self.fault("'(' is missing")
        arguments = self.arguments(depth, is_template=match.group() == "States.Format")
        self._check_count(match.group(), len(arguments))
        return Call(match.group(), arguments)

    def arguments(self, depth: int, *, is_template: bool) -> tuple[Any, ...]:
        """The arguments up to the closing parenthesis. States.Format reads the escapes of its template itself."""
        found: list[Any] = []
        if self.takes(")"):
            return ()
        while True:
            found.append(self.argument(depth, keep_escapes=is_template and not found))
            if self.takes(")"):
                return tuple(found)
            if not self.takes(","):
                raise self.fault("',' is missing" if self.rest else "')' is missing")

    def argument(self, depth: int, *, keep_escapes: bool) -> Any:
        if self.text.startswith("States.", self.at):
            return self.call(depth + 1)
        if self.text.startswith("$", self.at):
            return self._path()
        if match := self.take(_TEXT):
            return Literal(match.group(1) if keep_escapes else _ESCAPED.sub(r"\1", match.group(1)))
        if match := self.take(_NUMBER) or self.take(_WORD):
            return Literal(self._read(match.group()))
        raise self.fault(f"what is {self.rest!r}?")

    def _path(self) -> Path:
        try:
            path, end = scan(self.text, self.at)
        except PathSyntax as fault:
            raise self.fault(str(fault)) from None
        self._move(end)
        return path

    def _read(self, text: str) -> Json:
        try:
            return jsontext.read(text)
        except jsontext.NotJson as fault:
            raise self.fault(str(fault)) from None

    def _check_count(self, name: str, count: int) -> None:
        least, most = FUNCTIONS[name].least, FUNCTIONS[name].most
        if count < least or (most is not None and count > most):
            wanted = f"{least}" if most == least else f"{least} or more"
            raise self.fault(f"{name} takes {wanted} arguments, not {count}")

    def _move(self, to: int) -> None:
        match = _SPACE.match(self.text, to)
        self.at = match.end() if match else to


def _evaluate(argument: Any, document: Json, context: Mapping[str, Json]) -> Json:
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, Path):
        return argument.get(document, context)
    return argument.value(document, context)


def _format(template: Json, *values: Json) -> str:
    if not isinstance(template, str):
        raise IntrinsicFault("States.Format: the template must be a string")
    places = sum(match.group() == "{}" for match in _ESCAPED_OR_PLACE.finditer(template))
    if places != len(values):
        raise IntrinsicFault(f"States.Format: {places} places for {len(values)} values")
    texts = iter([value if isinstance(value, str) else jsontext.write(value) for value in values])
    return _ESCAPED_OR_PLACE.sub(lambda match: next(texts) if match.group() == "{}" else match.group(1), template)


def _string_to_json(text: Json) -> Json:
    if not isinstance(text, str):
        raise IntrinsicFault("States.StringToJson: the argument must be a string")
    try:
        return jsontext.read(text)
    except jsontext.NotJson as fault:
        raise IntrinsicFault(f"States.StringToJson: {fault}") from None


def _json_merge(first: Json, second: Json, deep: Json) -> Json:
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise IntrinsicFault("States.JsonMerge: both values must be objects")
    if deep is not False:
        raise IntrinsicFault("States.JsonMerge: the third argument must be false: only shallow merging exists")
    return {**first, **second}


FUNCTIONS: Mapping[str, Intrinsic] = {
    "States.Format": Intrinsic(_format, 1, None),
    "States.JsonMerge": Intrinsic(_json_merge, 3, 3),
    "States.StringToJson": Intrinsic(_string_to_json, 1, 1),
}
