"""Runs a genuine entry point in a process that dies when it passes POINT, a crash point, for the COUNT-th time.

POINT may be the first words of a statement instead: then the process dies right after that statement, inside its
transaction. With NOBODY as POINT the process lives.

    python -m tests.crash.launcher MARK POINT COUNT PROGRAM [ARGUMENT ...]
    python -m tests.crash.launcher MARK POINT COUNT -m MODULE

It dies once: it creates the file MARK then, and no process dies while MARK exists. So the process that gunicorn forks
as a replacement lives on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from peewee import Database

from stepwell.runtime import crashpoints
from stepwell.runtime.tasks import timers
from tests.cradle import run

EXIT_CODE = 42
NOBODY = "nobody"

LOOK_SECONDS = 0.2
"""How late this process may notice another process's timer: as soon as the other loops of a stand."""


def arm(mark: Path, point: str, times: int) -> None:
    """Make this process, or a fork of it, exit at once when it passes this point for the ``times``-th time."""
    reached = count(1)

    def die() -> None:
        if next(reached) == times and not mark.exists():
            mark.touch()
            os._exit(EXIT_CODE)

    if point in crashpoints.POINTS:
        crashpoints.arm(point, die)
    else:
        _arm_statement(point, die)


def _arm_statement(words: str, act: Callable[[], None]) -> None:
    """Call ``act`` right after each statement in a transaction that begins with these words."""
    execute = Database.execute_sql

    def executed(self: Any, sql: str, params: Any = None) -> Any:
        cursor = execute(self, sql, params)
        if self.in_transaction() and " ".join(sql.replace('"', "").split()).startswith(words):
            act()
        return cursor

    Database.execute_sql = executed


if __name__ == "__main__":
    timers.LONGEST_SLEEP = LOOK_SECONDS
    if sys.argv[2] != NOBODY:
        arm(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    run(*sys.argv[4:])
