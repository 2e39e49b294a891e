"""Succeed: ends its machine with its input as the output."""

from __future__ import annotations

from runtime.engine import dataflow
from runtime.engine.definition import SucceedState
from runtime.engine.execution import Frame
from runtime.engine.run import Run


def enter(run: Run, frame: Frame, state: SucceedState) -> None:
    value = dataflow.effective_input(run, frame, state)
    output, _ = dataflow.passed(run, frame, state, value, state)
    run.leave(frame, output)
