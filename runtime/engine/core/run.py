"""One transition while it is being worked out: the verbs by which states move frames, and the commands so far.

The states use its verbs (enter, leave, complete, fail, end); only ``transition`` makes one, and it never outlives the
call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from stepwell.runtime.engine.core import commands, dataflow, execution, retry
from stepwell.runtime.engine.core.commands import (
    CancelFrames,
    Command,
    CompleteTask,
    DispatchTask,
    FailTask,
    HoldTask,
    SetTimer,
)
from stepwell.runtime.engine.core.events import Event
from stepwell.runtime.engine.core.execution import Execution, Frame, branch_of, child_path, is_below, parent_of
from stepwell.runtime.engine.core.view import FramesMissing, Standing, StateFault
from stepwell.runtime.engine.definition.model import (
    MapState,
    ParallelState,
    StateMachine,
    TaskState,
    WaitState,
    WorkState,
)
from stepwell.runtime.engine.values.dice import Chance
from stepwell.runtime.engine.values.entries import redrive_of
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status

Json = Any

REDRIVEN_TASKS = 1 << 19
"""From here on tasks of redrives are numbered: no step list is so long, and no history."""
NOTHING: Mapping[str, Json] = MappingProxyType({})


@dataclass(frozen=True)
class Failure:
    """An error on its way up. ``of`` is the event it comes of, once it has left the frame that it befell."""

    error: str
    cause: str | None
    is_terminal: bool
    of: int | None = None

    @property
    def told(self) -> str:
        """What it is called where it is seen."""
        return retry.told(self.error)

    @property
    def is_shown(self) -> bool:
        """Whether the history says of the states that it goes through that they fail: not when nothing can take it."""
        return self.error != retry.BY_NOTHING


class Run(Standing):
    def __init__(self, machine: StateMachine, before: Execution, event: Event, limits: EngineLimits) -> None:
        super().__init__(machine, before, event, limits)
        self.status = before.status
        self.ending: dict[str, Json] = {}
        self.commands: list[Command] = []
        self.entering: deque[str] = deque()

    def result(self) -> Execution:
        """The execution as this transition leaves it."""
        return replace(self.before, status=self.status, frames=self.frames, history_count=self.count, **self.ending)

    # The verbs

    def enter(self, frame: Frame, **changes: Any) -> None:
        """Let a frame, as changed, enter the state it names, when its turn comes."""
        self.put(frame, waiting=execution.FOR_ENTRY, **changes)
        self.entering.append(frame.path)

    def next_entry(self) -> Frame | None:
        """The next frame whose turn it is, entered; None when it was cancelled meanwhile."""
        frame = self.frames.get(self.entering.popleft())
        if frame is None:
            return None
        kind = type(self.state_of(frame)).__name__
        self.record(f"{kind}Entered", frame, **({} if self._follows(frame) else {"input": frame.input}))
        fresh = Frame(
            path=frame.path,
            state=frame.state,
            input=frame.input,
            entry=self.count,
            entered_at=self.event.at,
            variables=frame.variables,
            item=frame.item,
        )
        return self.put(fresh)

    def leave(
        self, frame: Frame, output: Json, next: str | None = None, assigned: Mapping[str, Json] = NOTHING
    ) -> None:
        """End the state with this output; ``next`` overrides where it goes, as a catcher does."""
        state = self.state_of(frame)
        self.check_size(output, frame)
        told = {}
        if assigned:
            frame = self.put(frame, variables={**frame.variables, **assigned})
            self.check_variables(frame)
            told = {"assigned": dict(assigned)}
        self.record(f"{type(state).__name__}Exited", frame, output=output, **told)
        following = next or state.next
        if following is None:
            self._end_frame(frame, output)
        else:
            self.enter(frame, state=following, input=output)

    def complete(self, frame: Frame, state: WorkState, result: Json) -> None:
        """End a state that did work."""
        output, assigned = dataflow.finished(self, frame, state, result)
        self.leave(frame, output, None, assigned)

    def open_children(self, frame: Frame, children: list[Frame], at_once: int, count: int | None = None) -> None:
        """Let frames stand below this one. So many begin; of the others one each time that one ends.

        ``count`` is how many there are, when those behind the ones given can never begin.
        """
        begun, count = min(at_once, len(children)), len(children) if count is None else count
        frame = self.put(frame, waiting=execution.FOR_CHILDREN, open=count, begun=begun, children=count)
        for child in children[begun:]:
            self.put(child, waiting=execution.FOR_TURN)
        for child in children[:begun]:
            self.begin(frame, child)

    def begin(self, parent: Frame, child: Frame) -> None:
        """Let a child enter its first state, when its turn comes; what a Map hands to an item is worked out now."""
        state = self.state_of(parent)
        if isinstance(state, MapState):
            index = branch_of(child.path)
            child = replace(child, input=dataflow.item_input(self, parent, state, index, child.item))
            self.record("MapIterationStarted", parent, name=parent.state, index=index)
        self.enter(child)

    def join(self, parent: Frame) -> None:
        """Go on with the outputs of all children, in their order."""
        state = self.state_of(parent)
        assert isinstance(state, ParallelState | MapState)
        results = [self._child(parent, number).output for number in range(parent.children)]
        for number in range(parent.children):
            del self.frames[child_path(parent.path, parent.entry, number)]
        self.record(f"{type(state).__name__}Succeeded", parent)
        self.complete(parent, state, results)

    def fail(self, frame: Frame, error: str, cause: str | None, *, is_terminal: bool = False) -> None:
        """Let an error rise from a frame until a Retry or a Catch takes it, or the execution ends with it.

        Then all stands as it did when the error arose: a redrive goes on from there.
        """
        standing = self.frames.copy()
        cancelled = [one for one in self.commands if isinstance(one, CancelFrames)]
        failure = Failure(error, cause, is_terminal)
        while True:
            state = self.state_of(frame)
            self.cancel_children(frame)
            try:
                if isinstance(state, WorkState) and self._is_taken(frame, state, failure):
                    return
            except StateFault as fault:  # of the catcher, which does not catch itself
                failure = Failure(fault.error, fault.cause_in(frame), fault.is_terminal)
            if frame.path == "":
                self.frames = standing
                self.commands = [*cancelled, *(one for one in self.commands if not isinstance(one, CancelFrames))]
                return self.end(Status.FAILED, error=failure.told, cause=failure.cause)
            failure = replace(failure, of=self.count)
            parent = self.frames[parent_of(frame.path)]
            if failure.is_shown:
                self._tell_of_cut(parent, frame, self.count)
            frame = parent

    def cancel_children(self, frame: Frame) -> None:
        """Let nothing stand below a frame any more."""
        for path in [path for path in self.frames if is_below(path, frame.path)]:
            del self.frames[path]
        self.commands = [one for one in self.commands if not _begins_below(one, frame.path)]
        if frame.waiting == execution.FOR_CHILDREN:
            self.commands.append(CancelFrames(frame.path))

    def end(self, status: Status, **ending: Json) -> None:
        """End the execution; nothing is begun any more. The room for this last line of history is always kept."""
        types = {
            Status.COMPLETED: "ExecutionSucceeded",
            Status.FAILED: "ExecutionFailed",
            Status.CANCELLED: "ExecutionAborted",
            Status.TIMED_OUT: "ExecutionTimedOut",
        }
        self.status = status
        self.ending = ending
        self.commands = [one for one in self.commands if isinstance(one, CompleteTask | FailTask | CancelFrames)]
        self.write(types[status], None, {name: value for name, value in ending.items() if name != "output"})

    def break_off(self, cause: str) -> None:
        """End the execution, which has reached a bound; all stands as it did before this move."""
        self.frames = dict(self.before.frames) or {"": self.frames[""]}
        self.commands = [one for one in self.commands if not isinstance(one, CancelFrames)]
        self.end(Status.FAILED, error="States.Runtime", cause=cause)

    @contextmanager
    def faults_of(self, frame: Frame) -> Iterator[None]:
        """What goes wrong inside is an error of the frame's state."""
        try:
            yield
        except StateFault as fault:
            standing = self.frames[frame.path]
            self.fail(standing, fault.error, fault.cause_in(standing), is_terminal=fault.is_terminal)

    def set_execution_timer(self) -> None:
        if self.machine.timeout_seconds is not None:
            self.commands.append(SetTimer(commands.EXECUTION, "", 0, 0, self.machine.timeout_seconds))

    # Inside

    def _follows(self, frame: Frame) -> bool:
        """Whether the line above already holds this frame's input, as the output of the state it left."""
        last = self.history[-1] if self.history else None
        return last is not None and last.frame == frame.path and last.details.get("output", last) is frame.input

    def _child(self, parent: Frame, number: int) -> Frame:
        """A child that is known to stand. Raises FramesMissing."""
        path = child_path(parent.path, parent.entry, number)
        if path not in self.frames:
            raise FramesMissing(path)
        return self.frames[path]

    def _end_frame(self, frame: Frame, output: Json) -> None:
        if frame.path == "":
            self.put(frame, waiting=execution.ENDED)
            return self.end(Status.COMPLETED, output=output)
        self.put(frame, waiting=execution.ENDED, output=output)
        parent = self.frames[parent_of(frame.path)]
        parent = self.put(parent, open=parent.open - 1)
        if isinstance(self.state_of(parent), MapState):
            self.record("MapIterationSucceeded", parent, name=parent.state, index=branch_of(frame.path))
        with self.faults_of(parent):
            if parent.begun < parent.children:
                following = self._child(parent, parent.begun)
                self.begin(self.put(parent, begun=parent.begun + 1), following)
            elif parent.open == 0:
                self.join(parent)

    def _tell_of_cut(self, parent: Frame, failed: Frame, of: int) -> None:
        """Write down that a frame has failed, and what of its siblings goes no further because of that event."""
        if isinstance(self.state_of(parent), MapState):
            self.record("MapIterationFailed", parent, name=parent.state, index=branch_of(failed.path), of=of)
        if isinstance(self.state_of(failed), TaskState):  # it has failed, but was not left
            self.record("TaskStateAborted", failed, of=of)
        if parent.open > 1:
            self._tell_of_aborted(parent, of, failed.path)

    def _tell_of_aborted(self, parent: Frame, of: int, but: str = "") -> None:
        """Write down which states below a frame are left unfinished, each before those inside it."""
        for child in [self._child(parent, number) for number in range(parent.begun)]:
            is_yet_to_enter = child.path in self.entering
            if child.path == but or (child.waiting == execution.ENDED and not is_yet_to_enter):
                continue
            if isinstance(self.state_of(parent), MapState):
                index = branch_of(child.path)
                self.record("MapIterationAborted", parent, name=parent.state, index=index, of=of)
            if is_yet_to_enter:
                continue
            if isinstance(state := self.state_of(child), TaskState | WaitState | ParallelState | MapState):
                self.record(f"{type(state).__name__}Aborted", child, of=of)
            if child.waiting == execution.FOR_CHILDREN:
                self._tell_of_aborted(child, of)

    def _is_taken(self, frame: Frame, state: WorkState, failure: Failure) -> bool:
        draw = Chance(self.event.seed, f"{frame.path}/{frame.entry}/{sum(frame.retries)}/retry")
        error, cause, is_terminal = failure.error, failure.cause, failure.is_terminal
        decision = retry.decide(state.retriers, frame.retries, error, draw.fraction(), is_terminal)
        if decision is not None:
            self._hold(frame, state, decision, error, cause)
            return True
        if failure.is_shown and (failure.of is not None or self._fails_of_itself(frame, state)):
            self.record(f"{type(state).__name__}Failed", frame, error=failure.told, cause=cause, of=failure.of)
        if isinstance(state, TaskState):
            self._settle_failed(FailTask(number_of(state, frame), error, cause))
        catcher = retry.first_match(state.catchers, error, is_terminal)
        if catcher is None:
            return False
        output, assigned = dataflow.caught(self, frame, state, catcher, {"Error": failure.told, "Cause": cause or ""})
        self.leave(frame, output, catcher.next, assigned)
        return True

    def _fails_of_itself(self, frame: Frame, state: WorkState) -> bool:
        """Whether it is a Map that fails because of its map run, or of an expression that it would have begun with."""
        above = self.history[-1].type if self.history else None
        is_new = frame.waiting in (execution.FOR_WORK, execution.FOR_RETRY)
        return isinstance(state, MapState) and (above == "MapRunFailed" or (above == "EvaluationFailed" and is_new))

    def _settle_failed(self, command: FailTask | HoldTask) -> None:
        """The task failed, even when its handler did not: what it returned could not be used."""
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
    """Which task of the execution this visit is: the planned one, one named after its entry, or a redrive's own."""
    if redrive_of(frame.entry):
        return REDRIVEN_TASKS + redrive_of(frame.entry)
    return state.number if state.number is not None else frame.entry
