"""Succeed: ends its machine with its input as the output."""

from __future__ import annotations

from runtime.engine.definition import SucceedState
from runtime.engine.execution import Frame
from runtime.engine.run import Run


def enter(run: Run, frame: Frame, state: SucceedState) -> None:
    context = run.context(frame)
    value = run.taken(state.input_path, frame.input, context)
    run.leave(frame, run.taken(state.output_path, value, context))
