"""Wait: stands still until its time has come. It costs one timer row, however long it is."""

from __future__ import annotations

from runtime.engine import commands, execution
from runtime.engine.commands import SetTimer
from runtime.engine.definition import WaitState
from runtime.engine.execution import Frame
from runtime.engine.run import Run


def enter(run: Run, frame: Frame, state: WaitState) -> None:
    run.commands.append(SetTimer(commands.WAIT, frame.path, frame.entry, 0, state.seconds))
    run.put(frame, waiting=execution.FOR_TIMER)


def end(run: Run, frame: Frame) -> None:
    """The time has come."""
    state = run.state_of(frame)
    context = run.context(frame)
    value = run.taken(state.input_path, frame.input, context)
    run.leave(frame, run.taken(state.output_path, value, context))
