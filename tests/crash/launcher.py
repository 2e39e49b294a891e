"""Runs a genuine entry point in a process that dies when it has reached a crash point so many times.

In place of a point there may be the first words of a statement: then it dies right behind that one, inside the
transaction that the statement is part of. NOBODY in place of a point lets the process live.

    python -m tests.crash.launcher MARK POINT COUNT PROGRAM [ARGUMENT ...]
    python -m tests.crash.launcher MARK POINT COUNT -m MODULE

It dies once: MARK is made then, and where MARK is, nobody dies. So what gunicorn forks in its place lives on.
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
"""How late a timer may be that another process has set: as quick as the other rounds of a stand."""


def arm(mark: Path, point: str, times: int) -> None:
    """Have this process, or a fork of it, end without another word at its reach of the point with this number."""
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
    """Have ``act`` done right behind each statement of a transaction that begins with these words."""
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
