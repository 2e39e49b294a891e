"""Intrinsic functions of payload templates: ``States.Format('{}/{}', $$.Execution.Id, 'a')``.

A closed table of name -> function. Source: the Amazon States Language specification, appendix "Intrinsic Functions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.engine import jsontext
from runtime.engine.paths import Path, PathSyntax, parse

Json = Any

_NAME = re.compile(r"States\.[A-Za-z0-9]+")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_PATH = re.compile(r"\$[^,()\s]*?(?:\['(?:[^'\\]|\\.)*'\][^,()\s]*?)*(?=\s*[,)])")
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None}


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
        return FUNCTIONS[self.name](*(_evaluate(one, document, context) for one in self.arguments))


@dataclass(frozen=True)
class Literal:
    value: Json


def parse_call(text: str) -> Call:
    """The call that a text spells. Raises IntrinsicSyntax."""
    call, rest = _call(text.strip(), text)
    if rest.strip():
        raise IntrinsicSyntax(f"{text!r}: what is {rest.strip()!r} after the call?")
    return call


def _call(rest: str, text: str) -> tuple[Call, str]:
    match = _NAME.match(rest)
    if match is None or match.group() not in FUNCTIONS:
        known = ", ".join(sorted(FUNCTIONS))
        raise IntrinsicSyntax(f"{text!r}: there is no intrinsic function {rest.split('(')[0]!r}. Known: {known}")
    arguments: list[Any] = []
    rest = _expect(rest[match.end() :], "(", text)
    while not rest.startswith(")"):
        argument, rest = _argument(rest, text)
        arguments.append(argument)
        rest = rest.lstrip()
        if not rest.startswith(")"):
            rest = _expect(rest, ",", text)
    return Call(match.group(), tuple(arguments)), rest[1:]


def _expect(rest: str, character: str, text: str) -> str:
    rest = rest.lstrip()
    if not rest.startswith(character):
        raise IntrinsicSyntax(f"{text!r}: {character!r} is missing")
    return rest[1:].lstrip()


def _argument(rest: str, text: str) -> tuple[Any, str]:
    if rest.startswith("States."):
        return _call(rest, text)
    if match := _TEXT.match(rest):
        return Literal(re.sub(r"\\(['\\{}])", _unescape, match.group(1))), rest[match.end() :]
    if match := _PATH.match(rest):
        return _path(match.group(), text), rest[match.end() :]
    if match := _NUMBER.match(rest):
        return Literal(jsontext.read(match.group())), rest[match.end() :]
    for word, value in _WORDS.items():
        if rest.startswith(word):
            return Literal(value), rest[len(word) :]
    raise IntrinsicSyntax(f"{text!r}: what is {rest[:40]!r}?")


def _unescape(match: re.Match[str]) -> str:
    """``\\'`` and ``\\\\`` are themselves; ``\\{`` and ``\\}`` stay escaped for States.Format to read."""
    return match.group() if match.group(1) in "{}" else match.group(1)


def _path(text: str, whole: str) -> Path:
    try:
        return parse(text)
    except PathSyntax as fault:
        raise IntrinsicSyntax(f"{whole!r}: {fault}") from None


def _evaluate(argument: Any, document: Json, context: Mapping[str, Json]) -> Json:
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, Path):
        return argument.get(document, context)
    return argument.value(document, context)


def _format(template: Json, *values: Json) -> str:
    if not isinstance(template, str):
        raise IntrinsicFault("States.Format: the template must be a string")
    parts = re.split(r"(?<!\\)\{\}", template)
    if len(parts) != len(values) + 1:
        raise IntrinsicFault(f"States.Format: {len(parts) - 1} places for {len(values)} values")
    texts = [value if isinstance(value, str) else jsontext.write(value) for value in values]
    whole = parts[0] + "".join(text + part for text, part in zip(texts, parts[1:], strict=True))
    return re.sub(r"\\([{}])", r"\1", whole)


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


FUNCTIONS: Mapping[str, Callable[..., Json]] = {
    "States.Format": _format,
    "States.JsonMerge": _json_merge,
    "States.StringToJson": _string_to_json,
}
