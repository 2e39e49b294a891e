"""Writes times for readers: how long ago, how long it took, and exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def exact(at: datetime) -> str:
    """A time for reading, to the second: ``2026-11-24 04:30:00 UTC``."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(at: datetime, now: datetime) -> str:
    """The age of a time at ``now``, in its largest unit. Clocks differ, so a time ahead of ``now`` is "just now"."""
    seconds = int((now - at).total_seconds())
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def lasting(begin: datetime, end: datetime) -> str:
    """The duration from one time to another, in at most two units: ``340 ms``, ``1.2 s``, ``3 min 5 s``."""
    milliseconds = max((end - begin) // timedelta(milliseconds=1), 0)
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 10_000:
        return f"{milliseconds // 100 / 10} s"
    return _in_two_units(milliseconds // 1_000)


def _in_two_units(seconds: int) -> str:
    parts = []
    for unit, size in _UNITS:
        parts.append((seconds // size, unit))
        seconds %= size
    first = next(index for index, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
