"""Fail: ends its machine with an error."""

from __future__ import annotations

from typing import Any

from runtime.engine import dataflow
from runtime.engine.definition import FailState
from runtime.engine.execution import Frame
from runtime.engine.fields import Field
from runtime.engine.run import Run
from runtime.engine.standing import StateFault


def enter(run: Run, frame: Frame, state: FailState) -> None:
    error, cause = (_text(run, frame, state, field) for field in (state.error, state.cause))
    run.fail(frame, error or "", cause)


def _text(run: Run, frame: Frame, state: FailState, field: Field | None) -> str | None:
    if field is None:
        return None
    value: Any = run.evaluate(field, frame, run.scope(frame, dataflow.effective_input(run, frame, state)))
    if not isinstance(value, str):
        raise StateFault("States.Runtime", f"The field '{field.name}' must give a string, not {value!r:.80}")
    return value
