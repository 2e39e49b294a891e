"""Reads the query parameters and the headers that several endpoints take."""

from __future__ import annotations

from collections.abc import Sequence

from functions.contract import Event, query_of
from functions.errors import InvalidRequest

LONGEST_KEY = 255
_MOST_DIGITS = 18


def limit(event: Event) -> int:
    """How many rows a page may have: 1 to 1000, 100 unless told."""
    return whole(event, "limit", lowest=1, highest=1000, default=100)


def whole(event: Event, name: str, *, lowest: int, highest: int, default: int) -> int:
    """A whole number of the query. Raises InvalidRequest."""
    text = query_of(event).get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS and lowest <= int(text) <= highest):
        raise InvalidRequest(f"{name} must be a whole number from {lowest} to {highest}.", path=name)
    return int(text)


def one_of(event: Event, name: str, words: Sequence[str]) -> str | None:
    """A word of the query, None when it is not asked for. Raises InvalidRequest."""
    word = query_of(event).get(name)
    if word is not None and word not in words:
        raise InvalidRequest(f"{name} must be one of {', '.join(words)}.", path=name)
    return word


def idempotency_key(event: Event) -> str | None:
    """The Idempotency-Key of a request, None when it has none. Raises InvalidRequest."""
    key = event["headers"].get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidRequest(f"An Idempotency-Key has 1 to {LONGEST_KEY} printable characters.")
    return str(key)
