"""Pass: hands its input on, or a fixed result, or a template filled in."""

from __future__ import annotations

from runtime.engine.definition import PassState
from runtime.engine.execution import Frame
from runtime.engine.run import Run


def enter(run: Run, frame: Frame, state: PassState) -> None:
    context = run.context(frame)
    value = run.taken(state.input_path, frame.input, context)
    if state.parameters is not None:
        value = run.render(state.parameters, value, context)
    result = state.result if state.has_result else value
    output = frame.input if state.result_path is None else run.placed(state.result_path, frame.input, result)
    run.leave(frame, run.taken(state.output_path, output, context))
