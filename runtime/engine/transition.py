"""``transition(machine, execution, event)``: the execution after an event, and the commands that follow.

Frozen values go in, frozen values come out; there is no clock and no dice. A flat work list enters states one after
another, so a chain of ten thousand Pass states is a loop and no recursion. A late or doubled event changes nothing: the
very execution that was given comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from stepwell.runtime.engine import redrive
from stepwell.runtime.engine.core import events, execution
from stepwell.runtime.engine.core.commands import Command
from stepwell.runtime.engine.core.execution import Execution, Frame, HistoryEvent
from stepwell.runtime.engine.core.faults import FramesMissing, QuotaExceeded
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.core.view import View
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.language.budget import Alarm, BudgetExceeded, MoveTookTooLong
from stepwell.runtime.engine.states import distributed, task, wait
from stepwell.runtime.engine.states import table as states
from stepwell.runtime.engine.values.limits import LIMITS, EngineLimits
from stepwell.runtime.engine.values.statuses import Status

__all__ = ["Alarm", "FramesMissing", "MoveTookTooLong", "Transition", "transition"]


@dataclass(frozen=True)
class Transition:
    """The execution after the event (the one before is untouched), the commands, and the new lines of history."""

    execution: Execution
    commands: tuple[Command, ...] = ()
    history: tuple[HistoryEvent, ...] = ()


def transition(
    machine: StateMachine,
    before: Execution,
    event: events.Event,
    limits: EngineLimits = LIMITS,
    alarm: Alarm | None = None,
) -> Transition:
    """Apply an event to an execution. An event that does not match it changes nothing.

    Raises FramesMissing when the move needs children of a frame that ``before`` does not hold, and MoveTookTooLong once
    ``alarm`` returns True: the core has no clock. Neither decides anything, so nothing of the move may be stored.
    """
    if before.status != Status.IN_PROGRESS:
        return Transition(before)
    run = Run(View(machine, before, event, limits, alarm))
    try:
        if not _apply(run, event):
            return Transition(before)
        _enter_all(run)
    except (QuotaExceeded, BudgetExceeded) as fault:
        run.break_off(str(fault))
    return Transition(run.result(), tuple(run.commands), tuple(run.ledger.lines))


def _apply(run: Run, event: events.Event) -> bool:
    """Apply the event. False when no frame waits for it."""
    match event:
        case events.ExecutionStarted():
            return _start(run)
        case events.ExecutionCancelled():
            run.end(Status.CANCELLED, error=event.error, cause=event.cause)
        case events.ExecutionTimedOut():
            run.end(Status.TIMED_OUT, error="States.Timeout")
        case events.ExecutionRedriven():
            _redrive(run, event)
        case events.TimerFired():
            return _fire(run, event)
        case events.TaskSucceeded() | events.TaskFailed():
            frame = run.frames.get(event.frame)
            if frame is None or not _is_awaited(frame, event):
                return False
            with run.faults_of(frame):
                task.settle(run, frame, event)
        case events.MapRunEnded():
            return _end_map_run(run, event)
        case _:
            raise TypeError(f"{type(event).__name__} is no event of the core")
    return True


def _start(run: Run) -> bool:
    if run.ledger.count:
        return False
    run.ledger.record("ExecutionStarted")
    run.set_execution_timer()
    run.enter(Frame(path="", state=run.view.machine.start_at, input=run.view.before.input))
    return True


def _redrive(run: Run, event: events.ExecutionRedriven) -> None:
    """Let every unfinished frame go on. The first one that fails again may end the execution again."""
    run.view.before = replace(run.view.before, redrives=event.count, redriven_at=event.at)
    run.ledger.record("ExecutionRedriven", redriveCount=event.count)
    run.set_execution_timer()
    number = 0
    for frame in redrive.unfinished(run.frames):
        if run.status != Status.IN_PROGRESS or run.frames.get(frame.path) is not frame:
            continue
        number = max(number + 1, run.ledger.count)
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
    elif frame.waiting == execution.FOR_RUN:  # only a caller that keeps no Map Runs lets this timer fire
        cause = "A Map in distributed mode cannot run in an Express workflow"
        run.fail(frame, "States.Runtime", cause)
    else:
        return False
    return True


def _end_map_run(run: Run, event: events.MapRunEnded) -> bool:
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
    state = run.view.state_of(frame)
    with run.faults_of(frame):
        states.ENTER[type(state)](run, frame, state)
