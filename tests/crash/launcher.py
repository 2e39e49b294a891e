"""Runs a genuine entry point in a process that dies when it has reached a crash point so many times.

    python -m tests.crash.launcher MARK POINT COUNT PROGRAM [ARGUMENT ...]
    python -m tests.crash.launcher MARK POINT COUNT -m MODULE

It dies once: MARK is made then, and where MARK is, nobody dies. So what gunicorn forks in its place lives on.
"""

from __future__ import annotations

import os
import runpy
import sys
from itertools import count
from pathlib import Path

from runtime import crashpoints

EXIT_CODE = 42


def arm(mark: Path, point: str, times: int) -> None:
    """Have this process, or a fork of it, end without another word at its reach of the point with this number."""
    reached = count(1)

    def die() -> None:
        if next(reached) == times and not mark.exists():
            mark.touch()
            os._exit(EXIT_CODE)

    crashpoints.arm(point, die)


def run(program: str, *arguments: str) -> None:
    """What the interpreter does with this command line."""
    if program == "-m":
        sys.argv[:] = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = [program, *arguments]
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    arm(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    run(*sys.argv[4:])
