"""The limits that the core itself enforces."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineLimits:
    """The limits of one execution; all sizes are bytes of JSON text.

    ``payload`` and ``depth`` (levels of nesting) bound each input and output of a state, ``history`` the number of
    lines, ``variables`` the variables of a frame together with its ancestors', ``move`` the writes of one transition.
    ``expression_steps`` and ``expression_elements`` bound the expressions of one move, in the units of its Budget.
    250,000 steps take about a second of one core, 1,000,000 elements about 64 MB of memory.
    """

    payload: int = 256 << 10
    depth: int = 256
    history: int = 25_000
    move: int = 16 << 20
    variables: int = 10 << 20
    expression_steps: int = 250_000
    expression_elements: int = 1_000_000


LIMITS = EngineLimits()

MOST_EVENTS = 24_999
"""From this number of history events on, an execution can no longer be redriven."""
REDRIVABLE_MS = 14 * 24 * 3600 * 1000
"""How long after its end an execution can be redriven."""
