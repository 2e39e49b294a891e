"""Pass: hands its input on, or a fixed result, or a template filled in."""

from __future__ import annotations

from runtime.engine import dataflow
from runtime.engine.definition import PassState
from runtime.engine.execution import Frame
from runtime.engine.run import Run


def enter(run: Run, frame: Frame, state: PassState) -> None:
    if state.is_jsonata:
        output, assigned = dataflow.passed(run, frame, state, frame.input, state)
    else:
        value = state.result if state.has_result else dataflow.arguments(run, frame, state)
        output, assigned = dataflow.finished(run, frame, state, value)
    run.leave(frame, output, None, assigned)
