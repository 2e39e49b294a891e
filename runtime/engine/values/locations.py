"""Locations in a JSON document, and the three notations for one: JSONPath, JSON Pointer and AWS's own."""

from __future__ import annotations

import re
from dataclasses import dataclass

Step = str | int
"""The name of a member, or the index of an item."""
Steps = tuple[Step, ...]
"""The steps from a value to another one inside it."""

_PLAIN = re.compile(r"[^\W\d][\w-]*")
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Location:
    """The steps from the root to a value. The notations cut a name to its first 100 characters."""

    steps: Steps = ()

    def __truediv__(self, way: Step | Steps) -> Location:
        return Location(self.steps + (way if isinstance(way, tuple) else (way,)))

    def __str__(self) -> str:
        """The location as a JSONPath. Source: RFC 9535, section 2.3.1 (names in brackets, with the quotes escaped)."""
        return "$" + "".join(_in_path(step) for step in self.steps)

    @property
    def pointer(self) -> str:
        """The location as a JSON Pointer. Source: RFC 6901, section 3."""
        return "".join("/" + _cut(step).replace("~", "~0").replace("/", "~1") for step in self.steps)

    @property
    def aws_location(self) -> str:
        """The location as AWS writes it: ``/States/A/Catch[0]/Next``."""
        return slashed(self.steps) or "/"


ROOT = Location()


def slashed(steps: Steps) -> str:
    """Steps in AWS's notation, from any value: ``/Catch[0]/Next``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f"/{_cut(step)}" for step in steps)


def _in_path(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    name = _cut(step)
    if _PLAIN.fullmatch(name):
        return f".{name}"
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"


def _cut(step: Step) -> str:
    text = str(step)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
