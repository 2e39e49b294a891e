"""Paths into data: ``$.a['b c'][0]``, and for reading all of JSONPath: ``$.a[*].b`` and ``$.a[?(@.b > 1)]``.

``$`` is the state's own data, ``$$`` the context object, ``$name`` a variable. A reference path names exactly one place
of the state's own data, so it can be written to. A definite path names at most one place: it gives the value there,
which may be null, or raises PathMissing. Any other path gives a list of the selected values, even of one or none.

Sources: the Amazon States Language specification, "Paths" and "Reference Paths"; AWS's developer guide, "Using JSONPath
paths" and "Passing data between states with variables".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from stepwell.runtime.engine.language.brackets import LONGEST, PathSyntax
from stepwell.runtime.engine.language.budget import Budget
from stepwell.runtime.engine.language.context_object import KEY_STEPS, ContextObject
from stepwell.runtime.engine.language.selection import (
    MOST_LOOKED_AT,
    Child,
    Picked,
    Reading,
    Segment,
    TooMuch,
    Union,
    select,
    token,
)
from stepwell.runtime.engine.values.jsontext import Json

__all__ = ["Path", "PathMissing", "PathSyntax", "parse", "parse_reference", "scan", "spell"]


MOST_STEPS = 64
_ROOT = re.compile(r"\$(?:(\$)|([^\W\d]\w{0,79}))?")
_MISSING = object()


class PathMissing(LookupError):
    """There is no value at the path. Its text is ``path``.

    ``reached`` is the number of the first step, from 1, that an object lacks; None when that is the last step.
    """

    def __init__(self, message: str, path: str, reached: int | None = None) -> None:
        self.path = path
        self.reached = reached
        super().__init__(message)


@dataclass(frozen=True)
class Path:
    """A compiled path: its beginning, its definite steps, and the segments from the first indefinite one on.

    ``of_context`` is true for a path that begins with ``$$``; ``variable`` is the name of one that begins with
    ``$name``.
    """

    text: str
    steps: tuple[str | int, ...] = ()
    of_context: bool = False
    variable: str | None = None
    segments: tuple[Segment, ...] = ()

    @property
    def is_definite(self) -> bool:
        """True if the path names at most one place: it gives a value and no list."""
        return not self.segments or (len(self.segments) == 1 and isinstance(self.segments[0], Picked))

    @property
    def is_of_input(self) -> bool:
        """True if the path begins at the state's own data."""
        return not self.of_context and self.variable is None

    @property
    def is_reference(self) -> bool:
        """True if the path can be written to."""
        return self.is_of_input and not self.segments and all(isinstance(step, str) or step >= 0 for step in self.steps)

    def get(
        self,
        document: Json,
        context: Mapping[str, Json] | None = None,
        variables: Mapping[str, Json] | None = None,
        budget: Budget | None = None,
    ) -> Json:
        """The value at the path, or the list of selected values. Raises PathMissing, BudgetExceeded."""
        value = document
        if self.of_context:
            value = context
            if isinstance(context, ContextObject):
                if self.steps == KEY_STEPS and not self.segments:
                    return context.key()
                value = context if self.steps else dict(context)  # no state's data may hold the key
        elif self.variable is not None:
            value = self._assigned(self.variable, variables or {})
        root = value
        for step in self.steps:
            if isinstance(step, str):
                value = value.get(step, _MISSING) if isinstance(value, dict) else _MISSING
            else:
                value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else _MISSING
            if value is _MISSING:
                return self._nothing(root)
        return self._selected(value, root, budget) if self.segments else value

    def put(self, document: Json, value: Json) -> Json:
        """A new document with ``value`` at the path. Missing objects on the way are created. Raises PathMissing."""
        if not self.is_reference:
            raise self._not_placed()
        return self._placed(document, self.steps, value)

    def _assigned(self, name: str, variables: Mapping[str, Json]) -> Json:
        if name not in variables:
            raise PathMissing(f"The path '{self.text}' names the variable '{name}', which is not assigned", self.text)
        return variables[name]

    def _selected(self, value: Json, root: Json, budget: Budget | None) -> Json:
        reading = Reading(root)
        try:
            found = select(value, self.segments, reading)
        except TooMuch:
            raise PathMissing(f"The path '{self.text}' looks at too many values", self.text) from None
        finally:
            if budget is not None:
                budget.element(MOST_LOOKED_AT - max(reading.left, 0))
        if not self.is_definite:
            return found
        return found[0] if found else self._nothing()

    def _nothing(self, root: Json = None) -> list[Json]:
        """The result where nothing is found: an empty list. A definite path raises PathMissing."""
        if self.is_definite:
            raise PathMissing(f"The path '{self.text}' is not in the input", self.text, self._reached(root))
        return []

    def _reached(self, value: Json) -> int | None:
        """The number of the first step, from 1, that an object lacks; None when that is the last step."""
        for number, step in enumerate(self.steps[:-1], 1):
            if isinstance(step, str) and isinstance(value, dict) and step not in value:
                return number
            try:
                value = value[step]
            except (LookupError, TypeError):
                return None
        return None

    def _placed(self, document: Json, steps: tuple[str | int, ...], value: Json) -> Json:
        if not steps:
            return value
        step, rest = steps[0], steps[1:]
        if isinstance(step, str) and isinstance(document, dict):
            return {**document, step: self._placed(document.get(step, {}), rest, value)}
        if isinstance(step, int) and isinstance(document, list) and step < len(document):
            return [*document[:step], self._placed(document[step], rest, value), *document[step + 1 :]]
        raise self._not_placed()

    def _not_placed(self) -> PathMissing:
        return PathMissing(f"Unable to apply the path '{self.text}' to the input", self.text)


@lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """The path of a text. Spaces behind it are ignored, as on AWS. Raises PathSyntax."""
    path, end = scan(text)
    if text[end:].strip():
        raise PathSyntax(f"{text[:80]!r} is not a path: what is {text[end : end + 40]!r}?{_advice(text, end)}")
    return path


@lru_cache(maxsize=4096)
def parse_reference(text: str) -> Path:
    """The reference path of a text. Raises PathSyntax."""
    path = parse(text)
    if not path.is_reference:
        raise PathSyntax(f"{text[:80]!r} is not a reference path: it must name one place of the state's own data")
    return path


def scan(text: str, start: int = 0) -> tuple[Path, int]:
    """The longest path at ``start`` of a text, and the index of its end. Raises PathSyntax."""
    root = _ROOT.match(text, start)
    if root is None:
        raise PathSyntax(f"{text[start : start + 80]!r} does not begin with $")
    parts: list[str | int | Segment] = []
    end = root.end()
    while found := _token(text, end, start):
        part, end = found
        parts.append(part)
        if len(parts) > MOST_STEPS:
            raise PathSyntax(f"{text[start : start + 80]!r} has more than {MOST_STEPS} steps")
        if end - start > LONGEST:
            raise PathSyntax(f"{text[start : start + 80]!r} has more than {LONGEST} characters")
    return _path(text[start:end], root, parts), end


def spell(*steps: str) -> str:
    """The text of a path to a nested member. The names may contain any characters."""
    return "$" + "".join("['" + step.replace("\\", "\\\\").replace("'", "\\'") + "']" for step in steps)


def _token(text: str, at: int, start: int) -> tuple[str | int | Segment, int] | None:
    try:
        return token(text, at)
    except PathSyntax as fault:
        raise PathSyntax(f"{text[start : start + 80]!r} is not a path: {fault}") from None


def _path(text: str, root: re.Match[str], parts: list[str | int | Segment]) -> Path:
    definite = next((at for at, part in enumerate(parts) if isinstance(part, Segment)), len(parts))
    steps = tuple(part for part in parts[:definite] if not isinstance(part, Segment))
    segments = [part if isinstance(part, Segment) else Child(part) for part in parts[definite:]]
    if segments and isinstance(segments[-1], Union):
        segments[-1] = segments[-1].at_the_end()
    return Path(text, steps, root.group(1) is not None, root.group(2), tuple(segments))


def _advice(text: str, end: int) -> str:
    return " Paths have no functions: use an intrinsic such as States.ArrayLength" if text[end : end + 1] == "(" else ""
