"""The tables of deaths: for each kind of process the plays, and the crash points at which it dies.

A number counts the passes of the point: with ("retry", 2) the process dies at the second pass in the play "retry".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from stepwell.db import sqlite


@dataclass(frozen=True)
class Fault:
    """A process dies when it passes ``point`` for the ``times``-th time. ``point`` may begin a statement instead."""

    point: str
    times: int = 1

    def __str__(self) -> str:
        return f"{self.point}-{self.times}"


COMMIT = ("before_commit", "after_commit")
BESIDE = ("before", "after")


def around(move: str, *plays: tuple[str, int], sides: Sequence[str] = COMMIT) -> list[Any]:
    """Cases of (play, fault): a death on each side of this move, for each play and number."""
    return [
        pytest.param(play, fault, id=f"{play}-{fault}")
        for play, times in plays
        for fault in (Fault(f"{move}.{side}", times) for side in sides)
    ]


def behind(*deaths: tuple[str, str]) -> list[Any]:
    """Cases of (play, fault): a death right after the first statement with these words."""
    return [pytest.param(play, Fault(words), id=f"{play}-{words}") for play, words in deaths]


MAP_RUNS = [
    *around("advance", ("map", 1), ("map", 2), ("map", 3), ("files", 3)),
    *around("run", ("map", 1), ("map", 2), ("map", 5), sides=("begun",)),
    *around("run", ("files", 1), sides=("written",)),
]
"""The deaths of a process that works on a Map Run."""

WORKER = [
    *around("claim", ("three", 1), ("retry", 2), ("fan", 2), ("cancel", 1)),
    *around("handler", ("three", 1), ("three", 2), ("retry", 2), ("fan", 2), ("ask", 1), sides=BESIDE),
    *around("finish", ("three", 1), ("three", 2), ("three", 3), ("wait", 1)),
    *around("advance", ("retry", 1), ("retry", 2), ("fan", 1), ("fan", 2), ("fan", 3), ("wait", 1), ("pause", 1)),
    *around("await", ("ask", 1)),
    *around("notify", ("retry", 1), ("wait", 1), sides=BESIDE),
    *MAP_RUNS,
    *around("claim", ("map", 3)),
    *around("finish", ("map", 1), ("map", 5)),
]
HANDED_BACK = around("return", ("gate", 1), ("gates", 2), ("pause", 1))
LOST = around("lose", ("gate", 1), ("gates", 2), ("pause", 1))

WEB = [
    *around("start", ("three", 1), ("fan", 1)),
    *around("notify", ("three", 1), ("pause", 2), sides=BESIDE),
    *around("pause", ("pause", 1), ("pause", 2)),
    *around("advance", ("ask", 1), ("cancel", 1)),
]

EMULATOR = [
    *around("start", ("three", 1)),
    *around("claim", ("fan", 2)),
    *around("handler", ("three", 2), sides=BESIDE),
    *around("finish", ("three", 2)),
    *around("advance", ("retry", 1), ("retry", 2), ("ask", 1), ("cancel", 1), ("fan", 3)),
    *around("await", ("ask", 1)),
    *MAP_RUNS,
    *around("pause", ("pause", 1), ("pause", 2)),
    *around("notify", ("three", 1), ("retry", 2), sides=BESIDE),
]
EMULATOR_HANDED_BACK = around("return", ("gate", 1))
EMULATOR_LOST = around("lose", ("gate", 1))

ALL = [*WORKER, *HANDED_BACK, *LOST, *WEB, *EMULATOR, *EMULATOR_HANDED_BACK, *EMULATOR_LOST]

LOST_THRICE = [Fault(f"{move}.{side}") for move in ("lose", "advance") for side in COMMIT]
"""The deaths of the process that detects the third loss of a task's worker."""

WORKER_MIDWAY = behind(
    ("retry", "INSERT INTO attempt"),
    ("retry", "UPDATE execution"),
    ("retry", "UPDATE task"),
    ("wait", "DELETE FROM timer"),
    ("fan", "DELETE FROM frame"),
    ("ask", "INSERT INTO attempt"),
    ("map", "INSERT INTO map_run"),
    ("map", "UPDATE map_run"),
)
WEB_MIDWAY = behind(("pause", "UPDATE execution"), ("cancel", "UPDATE task"))
EMULATOR_MIDWAY = behind(
    ("three", "INSERT INTO execution"),
    ("three", "UPDATE task SET status = 'IN_PROGRESS'"),
    ("three", "UPDATE task SET status = 'COMPLETED'"),
    ("three", " ".join(sqlite.FOLLOW.split()).partition(",")[0]),
    ("retry", "DELETE FROM timer"),
    ("ask", "INSERT INTO attempt"),
    ("map", "DELETE FROM timer"),
    ("map", "UPDATE map_run"),
)
"""Deaths in the middle of a transaction: between its statements, or between the last one and the commit."""
