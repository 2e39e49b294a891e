"""Reads the query parameters and the headers that several endpoints take."""

from __future__ import annotations

from stepwell.functions.contract import Event, number_of
from stepwell.functions.errors import InvalidRequest

LONGEST_KEY = 255


def limit(event: Event) -> int:
    """The number of rows of a page: 1 to 1000, by default 100. Raises InvalidRequest."""
    return number_of(event, "limit", lowest=1, highest=1000, default=100)


def idempotency_key(event: Event) -> str | None:
    """The Idempotency-Key of a request, or None. Raises InvalidRequest."""
    key = event["headers"].get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidRequest(f"An Idempotency-Key has 1 to {LONGEST_KEY} printable characters.")
    return str(key)
