"""Places in a JSON document, and the ways of writing one down."""

from __future__ import annotations

import re
from dataclasses import dataclass

Step = str | int
"""The name of a member, or the index of an item."""
Way = tuple[Step, ...]
"""From one value to another that it holds."""

_PLAIN = re.compile(r"[^\W\d][\w-]*")
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Place:
    """The way from the root to a value; of a longer name than 100 characters only these are written down."""

    steps: Way = ()

    def __truediv__(self, way: Step | Way) -> Place:
        return Place(self.steps + (way if isinstance(way, tuple) else (way,)))

    def __str__(self) -> str:
        """As a JSONPath. Source: RFC 9535, section 2.3.1 (names in brackets, with the quotes escaped)."""
        return "$" + "".join(_in_path(step) for step in self.steps)

    @property
    def pointer(self) -> str:
        """As a JSON pointer. Source: RFC 6901, section 3."""
        return "".join("/" + _cut(step).replace("~", "~0").replace("/", "~1") for step in self.steps)

    @property
    def location(self) -> str:
        """As AWS writes it: ``/States/A/Catch[0]/Next``."""
        return slashed(self.steps) or "/"


ROOT = Place()


def slashed(steps: Way) -> str:
    """A way in AWS's form, which may begin at any value: ``/Catch[0]/Next``."""
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
