"""Pass: passes on its input, a fixed result, or a filled-in template."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import PassState


def enter(run: Run, frame: Frame, state: PassState) -> None:
    """Leave the state. Raises StateFault."""
    if state.is_jsonata:
        output, assigned = dataflow.passed(run.view, frame, state, frame.input, state)
    else:
        value = state.result if state.has_result else dataflow.arguments(run.view, frame, state)
        output, assigned = dataflow.finished(run.view, frame, state, value)
    run.leave(frame, output, None, assigned)
