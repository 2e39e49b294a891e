"""The bounds that the core itself keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineLimits:
    """``payload`` in bytes of JSON text and ``depth``, for each state's input and output; ``history`` in events."""

    payload: int = 256 << 10
    depth: int = 256
    history: int = 25_000


LIMITS = EngineLimits()
