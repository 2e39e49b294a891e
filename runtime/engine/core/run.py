"""One transition while it is worked out: the verbs by which states move frames, and the commands so far.

The states use the verbs (enter, leave, complete, fail, end). Only ``transition`` and ``trial`` make a Run, and it never
outlives the call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from stepwell.runtime.engine.core import aborted_history, commands, dataflow, execution, retry, visits
from stepwell.runtime.engine.core.commands import (
    CancelFrames,
    Command,
    CompleteTask,
    DispatchTask,
    FailTask,
    HoldTask,
    SetTimer,
)
from stepwell.runtime.engine.core.execution import Execution, Frame, branch_of, child_path, is_below, parent_of
from stepwell.runtime.engine.core.faults import StateFault, too_large
from stepwell.runtime.engine.core.view import View
from stepwell.runtime.engine.definition.model import MapState, ParallelState, TaskState, WorkState
from stepwell.runtime.engine.values.dice import Dice
from stepwell.runtime.engine.values.entries import redrive_of
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import Status

REDRIVEN_TASKS = 1 << 19
"""The tasks of redrives are numbered from here on: no step list and no history is this long."""
NOTHING: Mapping[str, Json] = MappingProxyType({})


@dataclass(frozen=True)
class RisingError:
    """An error on its way up through the frames.

    ``of`` is the history id of the line that it results from, once it has left the frame in which it arose.
    """

    error: str
    cause: str | None
    is_terminal: bool
    of: int | None = None

    @property
    def reported(self) -> str:
        """The name by which histories and error outputs report the error."""
        return retry.reported(self.error)

    @property
    def is_shown(self) -> bool:
        """True if the history records the failure of each state on the way.

        It does not when nothing can take the error.
        """
        return self.error != retry.BY_NOTHING


class Run:
    """The state of one transition. ``view`` answers questions about it, ``ledger`` takes its lines of history.

    ``frames`` are the frames as they are now, by path; only the Run changes them.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.ledger = view.ledger
        self.frames = view.frames
        self.event = view.event
        self.status = view.before.status
        self.ending: dict[str, Json] = {}
        self.commands: list[Command] = []
        self.entering: deque[str] = deque()

    def result(self) -> Execution:
        """The execution as this transition leaves it."""
        before, count = self.view.before, self.ledger.count
        return replace(before, status=self.status, frames=self.frames, history_count=count, **self.ending)

    # The verbs

    def put(self, frame: Frame, **changes: Any) -> Frame:
        """Store a frame, with these changes."""
        frame = Frame(**{**vars(frame), **changes}) if changes else frame  # replace() would loop over the fields
        self.frames[frame.path] = frame
        return frame

    def enter(self, frame: Frame, **changes: Any) -> None:
        """Queue a frame, with these changes, for entry into the state that it names."""
        self.put(frame, waiting=execution.FOR_ENTRY, **changes)
        self.entering.append(frame.path)

    def next_entry(self) -> Frame | None:
        """Take the next frame from the queue and let it enter its state. None when it was cancelled meanwhile."""
        self.view.budget.ask_alarm()
        frame = self.frames.get(self.entering.popleft())
        if frame is None:
            return None
        kind = type(self.view.state_of(frame)).__name__
        is_known = aborted_history.is_input_above(self.ledger, frame)
        self.ledger.record(f"{kind}Entered", frame, **({} if is_known else {"input": frame.input}))
        fresh = Frame(
            path=frame.path,
            state=frame.state,
            input=frame.input,
            entry=self.ledger.count,
            entered_at=self.event.at,
            variables=frame.variables,
            visits=visits.counted(self.view.machine_of(frame.path), frame, self.ledger.count),
            item=frame.item,
        )
        return self.put(fresh)

    def leave(
        self, frame: Frame, output: Json, next: str | None = None, assigned: Mapping[str, Json] = NOTHING
    ) -> None:
        """End the state with this output.

        ``next`` overrides the state's own Next, as a catcher does. Raises StateFault.
        """
        state = self.view.state_of(frame)
        self.view.check_size(output, frame)
        details = {}
        if assigned:
            frame = self.put(frame, variables={**frame.variables, **assigned})
            self.view.check_variables(frame)
            details = {"assigned": dict(assigned)}
        self.ledger.record(f"{type(state).__name__}Exited", frame, output=output, **details)
        following = next or state.next
        if following is None:
            self._end_frame(frame, output)
        else:
            self.enter(frame, state=following, input=output)

    def complete(self, frame: Frame, state: WorkState, result: Json) -> None:
        """End a state that did work, with the output that it makes of its result. Raises StateFault."""
        output, assigned = dataflow.finished(self.view, frame, state, result)
        self.leave(frame, output, None, assigned)

    def open_children(self, frame: Frame, children: list[Frame], at_once: int, count: int | None = None) -> None:
        """Open frames below this one. ``at_once`` of them begin; each that ends lets another one begin.

        ``count`` is the number of children when it is more than those given: the rest can never begin.
        """
        begun, count = min(at_once, len(children)), len(children) if count is None else count
        frame = self.put(frame, waiting=execution.FOR_CHILDREN, open=count, begun=begun, children=count)
        for child in children[begun:]:
            self.put(child, waiting=execution.FOR_TURN)
        for child in children[:begun]:
            self.begin(frame, child)

    def begin(self, parent: Frame, child: Frame) -> None:
        """Queue a child for its first state. An item of a Map gets its input only now. Raises StateFault."""
        state = self.view.state_of(parent)
        if isinstance(state, MapState):
            index = branch_of(child.path)
            child = replace(child, input=dataflow.item_input(self.view, parent, state, index, child.item))
            self.ledger.record("MapIterationStarted", parent, name=parent.state, index=index)
        self.enter(child)

    def join(self, parent: Frame) -> None:
        """Complete a state with the outputs of its children, in their order. Raises StateFault, FramesMissing."""
        state = self.view.state_of(parent)
        assert isinstance(state, ParallelState | MapState)
        results = [self.view.child(parent, number).output for number in range(parent.children)]
        if any(one is execution.NOT_LOADED for one in results):
            raise too_large(parent)
        for number in range(parent.children):
            del self.frames[child_path(parent.path, parent.entry, number)]
        self.ledger.record(f"{type(state).__name__}Succeeded", parent)
        self.complete(parent, state, results)

    def fail(self, frame: Frame, error: str, cause: str | None, *, is_terminal: bool = False) -> None:
        """Let an error rise from a frame until a Retry or a Catch takes it, or the execution ends with it.

        When the execution ends, its frames stay as they were when the error arose: a redrive goes on from there.
        """
        frames = self.frames.copy()
        cancelled = [one for one in self.commands if isinstance(one, CancelFrames)]
        rising = RisingError(error, cause, is_terminal)
        while True:
            state = self.view.state_of(frame)
            self.cancel_children(frame)
            try:
                if isinstance(state, WorkState) and self._is_taken(frame, state, rising):
                    return
            except StateFault as fault:  # of the catcher, which does not catch itself
                rising = RisingError(fault.error, fault.cause_in(frame), fault.is_terminal)
            if frame.path == "":
                self._restore(frames)
                self.commands = [*cancelled, *(one for one in self.commands if not isinstance(one, CancelFrames))]
                return self.end(Status.FAILED, error=rising.reported, cause=rising.cause)
            rising = replace(rising, of=self.ledger.count)
            parent = self.frames[parent_of(frame.path)]
            if rising.is_shown:
                aborted_history.record_failed_child(self.view, parent, frame, self.entering)
            frame = parent

    def cancel_children(self, frame: Frame) -> None:
        """Remove the frames below this one, with the commands that they have given."""
        for path in [path for path in self.frames if is_below(path, frame.path)]:
            del self.frames[path]
        self.commands = [one for one in self.commands if not _begins_below(one, frame.path)]
        if frame.waiting == execution.FOR_CHILDREN:
            self.commands.append(CancelFrames(frame.path))

    def end(self, status: Status, **ending: Json) -> None:
        """End the execution; nothing begins any more. The quota always leaves space for this last line of history."""
        types = {
            Status.COMPLETED: "ExecutionSucceeded",
            Status.FAILED: "ExecutionFailed",
            Status.CANCELLED: "ExecutionAborted",
            Status.TIMED_OUT: "ExecutionTimedOut",
        }
        self.status = status
        self.ending = ending
        self.commands = [one for one in self.commands if isinstance(one, CompleteTask | FailTask | CancelFrames)]
        self.ledger.write(types[status], None, {name: value for name, value in ending.items() if name != "output"})

    def break_off(self, cause: str) -> None:
        """Fail the execution, which has reached a quota. Its frames stay as they were before this transition."""
        self._restore(self.view.before.frames or {"": self.frames[""]})
        self.commands = [one for one in self.commands if not isinstance(one, CancelFrames)]
        self.end(Status.FAILED, error="States.Runtime", cause=cause)

    @contextmanager
    def faults_of(self, frame: Frame) -> Iterator[None]:
        """Turn a StateFault inside into an error of the frame's state."""
        try:
            yield
        except StateFault as fault:
            current = self.frames[frame.path]
            self.fail(current, fault.error, fault.cause_in(current), is_terminal=fault.is_terminal)

    def set_execution_timer(self) -> None:
        """Set the timer of the state machine's TimeoutSeconds, if it has one."""
        seconds = self.view.machine.timeout_seconds
        if seconds is not None:
            self.commands.append(SetTimer(commands.EXECUTION, "", 0, 0, seconds))

    # Inside

    def _restore(self, frames: Mapping[str, Frame]) -> None:
        """Have these frames and no others. The view shares the dict, so it is changed in place."""
        kept = dict(frames)
        self.frames.clear()
        self.frames.update(kept)

    def _end_frame(self, frame: Frame, output: Json) -> None:
        if frame.path == "":
            self.put(frame, waiting=execution.ENDED)
            return self.end(Status.COMPLETED, output=output)
        self.put(frame, waiting=execution.ENDED, output=output)
        parent = self.frames[parent_of(frame.path)]
        parent = self.put(parent, open=parent.open - 1)
        if isinstance(self.view.state_of(parent), MapState):
            self.ledger.record("MapIterationSucceeded", parent, name=parent.state, index=branch_of(frame.path))
        with self.faults_of(parent):
            if parent.begun < parent.children:
                following = self.view.child(parent, parent.begun)
                self.begin(self.put(parent, begun=parent.begun + 1), following)
            elif parent.open == 0:
                self.join(parent)

    def _is_taken(self, frame: Frame, state: WorkState, rising: RisingError) -> bool:
        """True if the state's Retry or Catch takes the error. Raises StateFault of the catcher's expressions."""
        dice = Dice(self.event.seed, f"{frame.path}/{frame.entry}/{sum(frame.retries)}/retry")
        error, cause, is_terminal = rising.error, rising.cause, rising.is_terminal
        decision = retry.decide(state.retriers, frame.retries, error, dice.fraction(), is_terminal)
        if decision is not None:
            self._hold(frame, state, decision, error, cause)
            return True
        if rising.is_shown and (rising.of is not None or aborted_history.is_own_failure(self.ledger, frame, state)):
            kind = f"{type(state).__name__}Failed"
            self.ledger.record(kind, frame, error=rising.reported, cause=cause, of=rising.of)
        if isinstance(state, TaskState):
            self._settle_failed(FailTask(number_of(state, frame), error, cause))
        catcher = retry.first_match(state.catchers, error, is_terminal)
        if catcher is None:
            return False
        error_output = {"Error": rising.reported, "Cause": cause or ""}
        output, assigned = dataflow.caught(self.view, frame, state, catcher, error_output)
        self.leave(frame, output, catcher.next, assigned)
        return True

    def _settle_failed(self, command: FailTask | HoldTask) -> None:
        """Let the task fail, even if its handler succeeded: the state could not use the result."""
        number = command.number
        self.commands = [c for c in self.commands if not isinstance(c, CompleteTask) or c.number != number]
        self.commands.append(command)

    def _hold(self, frame: Frame, state: WorkState, decision: retry.Retry, error: str, cause: str | None) -> None:
        times = sum(decision.retries)
        if isinstance(state, TaskState):
            self._settle_failed(HoldTask(number_of(state, frame), times, error, cause))
        self.commands.append(SetTimer(commands.RETRY, frame.path, frame.entry, times, decision.delay_seconds))
        self.put(frame, waiting=execution.FOR_RETRY, retries=decision.retries, open=0, begun=0, children=0)


def _begins_below(command: Command, frame: str) -> bool:
    return isinstance(command, DispatchTask | SetTimer) and is_below(command.frame, frame)


def number_of(state: TaskState, frame: Frame) -> int:
    """The number of the task that belongs to this visit of the state.

    It is the planned task's number, a redrive's own number, or else the history id of the entry.
    """
    if redrive_of(frame.entry):
        return REDRIVEN_TASKS + redrive_of(frame.entry)
    return state.number if state.number is not None else frame.entry
