"""Timestamps as AWS reads and writes them: RFC 3339 with an upper-case T, and Z or an offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from stepwell.runtime.engine.values.jsontext import Json

# Not left to fromisoformat, which takes more of ISO 8601 with every Python: RFC 3339 has no 24:00, no weeks, no comma.
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r"(?:\.([0-9]+))?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def instant(value: Json) -> tuple[datetime, str] | None:
    """A timestamp as a value that compares, exact to any fraction of a second; None when the value is none."""
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    seconds, fraction, zone = match.groups("")
    try:
        return datetime.fromisoformat(seconds + zone), fraction.rstrip("0")
    except ValueError:
        return None


def milliseconds(value: Json) -> int | None:
    """A timestamp in milliseconds since the epoch; None when the value is none."""
    found = instant(value)
    if found is None:
        return None
    moment, fraction = found
    return round(moment.timestamp()) * 1000 + int(fraction[:3].ljust(3, "0") or 0)


def timestamp(at: int) -> str:
    """Milliseconds since the epoch as AWS writes them: 2026-11-24T03:00:00.000Z."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
