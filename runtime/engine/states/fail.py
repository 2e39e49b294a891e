"""Fail: ends its machine with an error."""

from __future__ import annotations

from runtime.engine import dataflow
from runtime.engine.definition import FailState
from runtime.engine.execution import Frame
from runtime.engine.fields import Field
from runtime.engine.run import Run


def enter(run: Run, frame: Frame, state: FailState) -> None:
    error, cause = (_text(run, frame, state, field) for field in (state.error, state.cause))
    run.fail(frame, error or "", cause)


def _text(run: Run, frame: Frame, state: FailState, field: Field | None) -> str | None:
    if field is None:
        return None
    scope = run.scope(frame, dataflow.effective_input(run, frame, state))
    value = run.evaluate(field, frame, scope, "string")
    if not isinstance(value, str):
        raise dataflow.unfit(frame, field, "a string", value)
    return value
