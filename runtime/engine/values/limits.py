"""The bounds that the core itself keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineLimits:
    """``payload`` in bytes of JSON text and ``depth``, for each state's input and output; ``history`` in events.

    ``variables`` in bytes, for all that one frame and those above it hold.
    ``move`` is how many bytes one transition may write: states that follow each other at once, branches that all begin.
    """

    payload: int = 256 << 10
    depth: int = 256
    history: int = 25_000
    move: int = 64 << 20
    variables: int = 10 << 20


LIMITS = EngineLimits()

MOST_EVENTS = 24_999
"""From this number of history events on, an execution can no longer be redriven."""
REDRIVABLE_MS = 14 * 24 * 3600 * 1000
"""How long after its end an execution can be redriven."""
