"""Reference paths: ``$``, ``$.a.b``, ``$['a b']``, ``$.a[0]``, and the same after ``$$`` on the context object.

A reference path names exactly one place, so it can be read from and written to.
Source: the Amazon States Language specification, section "Reference Paths".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Json = Any

MOST_STEPS = 64
_STEP = re.compile(
    r"""\.([^\s.\[\]'"$@(),:?*]+)|\[([0-9]{1,9})\]|\['((?:[^'\\]|\\.)*+)'\]|\["((?:[^"\\]|\\.)*+)"\]""", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MISSING = object()


class PathSyntax(ValueError):
    """The text is not a reference path."""


class PathMissing(LookupError):
    """The document has nothing at the path."""


@dataclass(frozen=True)
class Path:
    """A compiled reference path; ``of_context`` when it began with ``$$``."""

    text: str
    steps: tuple[str | int, ...] = ()
    of_context: bool = False

    def get(self, document: Json, context: Mapping[str, Json] | None = None) -> Json:
        """The value at this place. Raises PathMissing."""
        value = context if self.of_context else document
        for step in self.steps:
            value = _child(value, step)
            if value is _MISSING:
                raise PathMissing(f"The path '{self.text}' is not in the input")
        return value

    def put(self, document: Json, value: Json) -> Json:
        """A new document with ``value`` at this place; objects missing on the way are made. Raises PathMissing."""
        return _placed(document, self.steps, value, self.text)


@lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """The reference path that a text spells. Raises PathSyntax."""
    path, end = scan(text)
    if end < len(text):
        raise PathSyntax(f"{text[:80]!r} is not a reference path: what is {text[end : end + 40]!r}?")
    return path


def scan(text: str, start: int = 0) -> tuple[Path, int]:
    """The longest reference path that a text holds at ``start``, and where it ends. Raises PathSyntax."""
    if not text.startswith("$", start):
        raise PathSyntax(f"{text[start : start + 80]!r} does not begin with $")
    of_context = text.startswith("$$", start)
    steps: list[str | int] = []
    end = start + (2 if of_context else 1)
    while match := _STEP.match(text, end):
        steps.append(_step(match))
        end = match.end()
        if len(steps) > MOST_STEPS:
            raise PathSyntax(f"{text[start : start + 80]!r} has more than {MOST_STEPS} steps")
    return Path(text[start:end], tuple(steps), of_context), end


def spell(*steps: str) -> str:
    """The path text of nested member names, whatever characters they hold."""
    return "$" + "".join("['" + step.replace("\\", "\\\\").replace("'", "\\'") + "']" for step in steps)


def _step(match: re.Match[str]) -> str | int:
    name, index, single, double = match.groups()
    if index is not None:
        return int(index)
    return str(name) if name is not None else _ESCAPED.sub(r"\1", single if single is not None else double)


def _child(value: Json, step: str | int) -> Json:
    if isinstance(step, str):
        return value.get(step, _MISSING) if isinstance(value, Mapping) else _MISSING
    return value[step] if isinstance(value, list) and step < len(value) else _MISSING


def _placed(document: Json, steps: tuple[str | int, ...], value: Json, text: str) -> Json:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, str) and isinstance(document, dict):
        return {**document, step: _placed(document.get(step, {}), rest, value, text)}
    if isinstance(step, int) and isinstance(document, list) and step < len(document):
        return [*document[:step], _placed(document[step], rest, value, text), *document[step + 1 :]]
    raise PathMissing(f"Unable to apply the path '{text}' to the input")
