"""Named points at which a test lets this process die, or lets a caller believe that a commit has failed.

Only a test arms a point. In production each point costs one look into an empty table.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS = (
    "start.before_commit",
    "start.after_commit",
    "claim.before_commit",
    "claim.after_commit",
    "handler.before",
    "handler.after",
    "finish.before_commit",
    "finish.after_commit",
    "advance.before_commit",
    "advance.after_commit",
    "await.before_commit",
    "await.after_commit",
    "return.before_commit",
    "return.after_commit",
    "lose.before_commit",
    "lose.after_commit",
    "pause.before_commit",
    "pause.after_commit",
    "run.begun",
    "run.written",
    "notify.before",
    "notify.after",
)

_armed: dict[str, Callable[[], None]] = {}


def reach(point: str) -> None:
    """Run the act that a test has armed this point with, if any."""
    act = _armed.get(point)
    if act is not None:
        act()


def arm(point: str, act: Callable[[], None]) -> None:
    """Run ``act`` whenever the point is reached. For tests only."""
    if point not in POINTS:
        raise ValueError(f"there is no crash point {point!r}")
    _armed[point] = act


def disarm() -> None:
    """Disarm every point."""
    _armed.clear()
