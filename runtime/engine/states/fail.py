"""Fail: ends its machine with an error."""

from __future__ import annotations

from runtime.engine.definition import FailState
from runtime.engine.execution import Frame
from runtime.engine.run import Run


def enter(run: Run, frame: Frame, state: FailState) -> None:
    run.fail(frame, state.error or "", state.cause)
