"""Wait: stands still until its time has come. It costs one timer row, however long it is."""

from __future__ import annotations

from runtime.engine import commands, dataflow, execution
from runtime.engine.commands import SetTimer
from runtime.engine.definition import WaitState
from runtime.engine.execution import Frame
from runtime.engine.retry import LONGEST
from runtime.engine.run import Run
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
    scope = run.scope(frame, dataflow.effective_input(run, frame, state))
    if state.timestamp is None:
        assert state.seconds is not None, "a Wait says until when"
        return float(dataflow.number(run, frame, state.seconds, scope))
    value = run.evaluate(state.timestamp, frame, scope, "string")
    due = milliseconds(value)
    if due is None:
        raise dataflow.unfit(frame, state.timestamp, "a timestamp such as 2026-11-24T03:00:00Z", value)
    return (due - run.event.at) / 1000
