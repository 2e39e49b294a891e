"""``transition(machine, execution, event)``: what becomes of an execution when something happens to it.

Frozen values in, frozen values out; no clock, no dice. A flat work list enters states one after another, so a chain of
ten thousand Pass states is a loop, not a recursion. A late or doubled event gives back the very execution it was given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from stepwell.runtime.engine import redrive
from stepwell.runtime.engine.core import events, execution
from stepwell.runtime.engine.core.commands import Command
from stepwell.runtime.engine.core.execution import Execution, Frame, HistoryEvent
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.core.view import FramesMissing, QuotaExceeded
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.states import distributed, task, wait
from stepwell.runtime.engine.states import table as states
from stepwell.runtime.engine.values.limits import LIMITS, EngineLimits
from stepwell.runtime.engine.values.statuses import Status

__all__ = ["FramesMissing", "Transition", "transition"]


@dataclass(frozen=True)
class Transition:
    """The new execution (the old one is untouched), what is to be done, and the ledger's new lines."""

    execution: Execution
    commands: tuple[Command, ...] = ()
    history: tuple[HistoryEvent, ...] = ()


def transition(
    machine: StateMachine, before: Execution, event: events.Event, limits: EngineLimits = LIMITS
) -> Transition:
    """What becomes of an execution when this event happens to it. An event that fits nothing changes nothing.

    Raises FramesMissing when the move needs children of a frame that ``before`` does not hold.
    """
    if before.status != Status.IN_PROGRESS:
        return Transition(before)
    run = Run(machine, before, event, limits)
    try:
        if not _apply(run, event):
            return Transition(before)
        _enter_all(run)
    except QuotaExceeded as fault:
        run.break_off(str(fault))
    return Transition(run.result(), tuple(run.commands), tuple(run.history))


def _apply(run: Run, event: events.Event) -> bool:
    """Let the event in: False when it fits nothing that stands."""
    match event:
        case events.ExecutionStarted():
            return _start(run)
        case events.ExecutionCancelled():
            run.end(Status.CANCELLED, error=event.error, cause=event.cause)
        case events.ExecutionTimedOut():
            run.end(Status.TIMED_OUT, error="States.Timeout")
        case events.ExecutionRedriven():
            _go_on(run, event)
        case events.TimerFired():
            return _fire(run, event)
        case events.TaskSucceeded() | events.TaskFailed():
            frame = run.frames.get(event.frame)
            if frame is None or not _is_awaited(frame, event):
                return False
            with run.faults_of(frame):
                task.settle(run, frame, event)
        case events.MapRunEnded():
            return _end_run(run, event)
        case _:
            raise TypeError(f"{type(event).__name__} is no event of the core")
    return True


def _start(run: Run) -> bool:
    if run.count:
        return False
    run.record("ExecutionStarted")
    run.set_execution_timer()
    run.enter(Frame(path="", state=run.machine.start_at, input=run.before.input))
    return True


def _go_on(run: Run, event: events.ExecutionRedriven) -> None:
    """Let everything go on that stands unfinished; the first of it that fails again may end the execution again."""
    run.before = replace(run.before, redrives=event.count, redriven_at=event.at)
    run.record("ExecutionRedriven", redriveCount=event.count)
    run.set_execution_timer()
    number = 0
    for frame in redrive.unfinished(run.frames):
        if run.status != Status.IN_PROGRESS or run.frames.get(frame.path) is not frame:
            continue
        number = max(number + 1, run.count)
        fresh = redrive.go_on(run, frame, number)
        if fresh is not None:
            _enter(run, fresh)


def _is_awaited(frame: Frame, event: events.TaskSucceeded | events.TaskFailed) -> bool:
    return (frame.waiting, frame.entry, frame.attempt) == (execution.FOR_TASK, event.entry, event.attempt)


def _fire(run: Run, event: events.TimerFired) -> bool:
    frame = run.frames.get(event.frame)
    if frame is None or frame.entry != event.entry or sum(frame.retries) != event.number:
        return False
    if frame.waiting == execution.FOR_TIMER:
        with run.faults_of(frame):
            wait.end(run, frame)
    elif frame.waiting == execution.FOR_RETRY:
        _enter(run, frame)
    elif frame.waiting == execution.FOR_RUN:  # nobody here keeps map runs
        cause = "A Map in distributed mode cannot run in an Express workflow"
        run.fail(frame, "States.Runtime", cause)
    else:
        return False
    return True


def _end_run(run: Run, event: events.MapRunEnded) -> bool:
    frame = run.frames.get(event.frame)
    if frame is None or (frame.waiting, frame.entry) != (execution.FOR_RUN, event.entry):
        return False
    with run.faults_of(frame):
        distributed.end(run, frame, event)
    return True


def _enter_all(run: Run) -> None:
    while run.entering and run.status == Status.IN_PROGRESS:
        frame = run.next_entry()
        if frame is not None:
            _enter(run, frame)


def _enter(run: Run, frame: Frame) -> None:
    """Let a state begin its work: on entry, or again after a retry's delay."""
    state = run.state_of(frame)
    with run.faults_of(frame):
        states.ENTER[type(state)](run, frame, state)
