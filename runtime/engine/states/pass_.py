"""Pass: hands its input on, or a fixed result, or a template filled in."""

from __future__ import annotations

from runtime.engine import dataflow
from runtime.engine.definition import PassState
from runtime.engine.execution import Frame
from runtime.engine.run import Run


def enter(run: Run, frame: Frame, state: PassState) -> None:
    value = dataflow.arguments(run, frame, state)
    output, assigned = dataflow.finished(run, frame, state, state.result if state.has_result else value)
    run.leave(frame, output, None, assigned)
