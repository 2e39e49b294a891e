"""Succeed: ends its machine with its input as the output."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import SucceedState


def enter(run: Run, frame: Frame, state: SucceedState) -> None:
    value = dataflow.effective_input(run, frame, state)
    output, _ = dataflow.passed(run, frame, state, value, state)
    run.leave(frame, output)
