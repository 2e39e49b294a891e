"""Succeed: ends its machine with its input as the output."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import SucceedState


def enter(run: Run, frame: Frame, state: SucceedState) -> None:
    """Leave the state. Raises StateFault."""
    value = dataflow.effective_input(run.view, frame, state)
    output, _ = dataflow.passed(run.view, frame, state, value, state)
    run.leave(frame, output)
