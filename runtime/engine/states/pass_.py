"""Pass: hands its input on, or a fixed result, or a template filled in."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import PassState


def enter(run: Run, frame: Frame, state: PassState) -> None:
    if state.is_jsonata:
        output, assigned = dataflow.passed(run, frame, state, frame.input, state)
    else:
        value = state.result if state.has_result else dataflow.arguments(run, frame, state)
        output, assigned = dataflow.finished(run, frame, state, value)
    run.leave(frame, output, None, assigned)
