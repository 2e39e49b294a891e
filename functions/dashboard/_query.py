"""What a page is asked for in its query. A form sends the fields that were left empty too: empty is not asked for."""

from __future__ import annotations

from collections.abc import Sequence

from functions.contract import Event, query_of
from functions.errors import InvalidRequest

EXECUTION_STATUSES = ("IN_PROGRESS", "COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED")
TASK_STATUSES = ("PENDING", "QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED")
_MOST_DIGITS = 15


def text(event: Event, name: str) -> str | None:
    return query_of(event).get(name) or None


def one_of(event: Event, name: str, words: Sequence[str]) -> str | None:
    """A word of the query, None when it is not asked for. Raises InvalidRequest."""
    word = text(event, name)
    if word is not None and word not in words:
        raise InvalidRequest(f"{name} must be one of {', '.join(words)}.", path=name)
    return word


def whole(event: Event, name: str) -> int:
    """A whole number of the query, 0 when it is not asked for. Raises InvalidRequest."""
    digits = text(event, name) or "0"
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS):
        raise InvalidRequest(f"{name} must be a whole number.", path=name)
    return int(digits)
