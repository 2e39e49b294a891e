"""Fail: ends its machine with an error."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import FailState
from stepwell.runtime.engine.language.fields import Field


def enter(run: Run, frame: Frame, state: FailState) -> None:
    """Raise the state's error from its frame. Raises StateFault of its expressions."""
    error, cause = (_text(run, frame, state, field) for field in (state.error, state.cause))
    run.fail(frame, error or "", cause)


def _text(run: Run, frame: Frame, state: FailState, field: Field | None) -> str | None:
    if field is None:
        return None
    scope = run.view.scope(frame, dataflow.effective_input(run.view, frame, state))
    value = run.view.evaluate(field, frame, scope, "string")
    if not isinstance(value, str):
        raise dataflow.unfit(frame, field, "a string", value)
    return value
