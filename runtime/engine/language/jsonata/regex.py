"""Regular expressions of JavaScript. Some patterns take for ever on a short text, so each search is paid in slices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import regex  # type: ignore[import-untyped]
from jsonata import JException, Jsonata  # type: ignore[import-untyped]

from stepwell.runtime.engine.language.jsonata.values import OutOfMemory, Value, matched

SECONDS_PER_STEP = 4e-6
"""About what a step of an expression takes: a search is charged as many steps as others could take in its time."""
_FIRST_SLICE = 5
_LONGEST = 256 << 10
"""Characters of a text that is searched. A search may take 150 bytes of memory for each."""
_ELEMENTS_A_MATCH = 10


class Regex:
    """A regular expression. All methods raise BudgetExceeded.

    The library knows one by its four methods. It calls ``finditer`` alone.
    """

    arguments = ("text",)

    def __init__(self, pattern: str, flags: Any) -> None:
        narrow = 0 if flags.case_insensitive and not pattern.isascii() else regex.ASCII
        wide = (regex.IGNORECASE if flags.case_insensitive else 0) | (regex.MULTILINE if flags.multiline else 0)
        self._pattern = regex.compile(pattern if flags.multiline else _at_the_very_end(pattern), narrow | wide)

    def search(self, text: str, at: int = 0) -> Any:
        """The first match from this index on; None when there is none. Raises OutOfMemory for too long a text."""
        if len(text) > _LONGEST:
            raise OutOfMemory
        return bounded(self._pattern.search, text, at)

    def finditer(self, text: str) -> Iterator[Any]:
        """Every match. Raises JException for one of no characters, as the reference does."""
        at = 0
        while match := self.search(text, at):
            at = match.end()
            if match.start() == at:
                raise JException("D1004", -1, text)
            Jsonata.CURRENT.jsonata.budget.element(_ELEMENTS_A_MATCH)
            yield match

    sub = split = finditer

    def call(self, _: Value, arguments: list[Value]) -> Value:
        """Call the expression as a function: it returns the first match."""
        match = next(self.finditer(arguments[0]), None) if isinstance(arguments[0], str) else None
        return matched(match) if match else None


def bounded(search: Any, *arguments: Any) -> Any:
    """The result of a search of the module ``regex``. Raises BudgetExceeded.

    Nothing can count the work of a search. It gets some time, which is charged as steps, and begins anew with twice the
    time when that was not enough. Together all searches of a move take no longer than its steps would.
    """
    budget, slice_ = Jsonata.CURRENT.jsonata.budget, _FIRST_SLICE
    budget.step()
    while True:
        try:
            return search(*arguments, timeout=slice_ * SECONDS_PER_STEP)
        except TimeoutError:
            budget.ask_alarm()
            slice_ *= 2
            budget.step(slice_)


def _at_the_very_end(pattern: str) -> str:
    """The pattern with ``\\Z`` for ``$``: in JavaScript ``$`` does not match before a last newline."""
    return re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", lambda found: r"\Z" if found[0] == "$" else found[0], pattern)
