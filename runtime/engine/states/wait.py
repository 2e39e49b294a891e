"""Wait: stands still until its time has come. It costs one timer row, however long it is."""

from __future__ import annotations

from typing import Any

from runtime.engine import commands, dataflow, execution
from runtime.engine.commands import SetTimer
from runtime.engine.definition import WaitState
from runtime.engine.execution import Frame
from runtime.engine.retry import LONGEST
from runtime.engine.run import Run
from runtime.engine.standing import StateFault
from runtime.engine.times import milliseconds


def enter(run: Run, frame: Frame, state: WaitState) -> None:
    seconds = min(max(_seconds(run, frame, state), 0), LONGEST)
    run.commands.append(SetTimer(commands.WAIT, frame.path, frame.entry, 0, seconds))
    run.put(frame, waiting=execution.FOR_TIMER)


def end(run: Run, frame: Frame) -> None:
    """The time has come."""
    state = run.state_of(frame)
    value = dataflow.effective_input(run, frame, state)
    output, assigned = dataflow.passed(run, frame, state, value, state)
    run.leave(frame, output, None, assigned)


def _seconds(run: Run, frame: Frame, state: WaitState) -> float:
    field = state.seconds or state.timestamp
    assert field is not None, "a Wait says until when"
    value: Any = run.evaluate(field, frame, run.scope(frame, dataflow.effective_input(run, frame, state)))
    if field is state.timestamp:
        due = milliseconds(value)
        if due is None:
            raise StateFault("States.Runtime", f"The field '{field.name}' must give a timestamp, not {value!r:.80}")
        return (due - run.event.at) / 1000
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise StateFault("States.Runtime", f"The field '{field.name}' must give seconds, not {value!r:.80}")
    return value
