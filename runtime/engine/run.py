"""One transition while it is being worked out: the frames that change, the commands and the history so far.

The states use its verbs (enter, leave, fail, end); only ``transition`` makes one, and it never outlives the call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from runtime.engine import commands, execution, jsontext, retry
from runtime.engine.chance import Chance
from runtime.engine.commands import CancelFrames, Command, CompleteTask, DispatchTask, FailTask, HoldTask, SetTimer
from runtime.engine.definition import ParallelState, State, StateMachine, TaskState, WorkState
from runtime.engine.events import Event
from runtime.engine.execution import Execution, Frame, HistoryEvent, branch_of, is_below, parent_of
from runtime.engine.intrinsics import IntrinsicFault
from runtime.engine.limits import EngineLimits
from runtime.engine.paths import Path, PathMissing
from runtime.engine.templates import Template

Json = Any


class QuotaExceeded(Exception):
    """A bound of the execution as a whole is reached; the message says which."""


class StateFault(Exception):
    """A state cannot do what its definition says: an error name and a cause."""

    def __init__(self, error: str, cause: str) -> None:
        self.error = error
        self.cause = cause
        super().__init__(f"{error}: {cause}")


class Run:
    def __init__(self, machine: StateMachine, before: Execution, event: Event, limits: EngineLimits) -> None:
        self.machine = machine
        self.before = before
        self.event = event
        self.limits = limits
        self.frames = dict(before.frames)
        self.count = before.history_count
        self.written = 0
        self.status = before.status
        self.ending: dict[str, Json] = {}
        self.commands: list[Command] = []
        self.history: list[HistoryEvent] = []
        self.entering: deque[str] = deque()

    def result(self) -> Execution:
        """The execution as this transition leaves it."""
        return replace(self.before, status=self.status, frames=self.frames, history_count=self.count, **self.ending)

    # Where a frame stands

    def machine_of(self, path: str) -> StateMachine:
        """The state machine that a frame runs: the whole one, or the branch it was opened for."""
        if path == "":
            return self.machine
        parent = self.frames[parent_of(path)]
        state = self.machine_of(parent.path).states[parent.state]
        assert isinstance(state, ParallelState), f"{parent.path} is in {parent.state}, which has no branches"
        return state.branches[branch_of(path)]

    def state_of(self, frame: Frame) -> State:
        return self.machine_of(frame.path).states[frame.state]

    def is_parallel(self, frame: Frame) -> bool:
        return isinstance(self.state_of(frame), ParallelState)

    # The ledger

    def record(self, type: str, frame: Frame | None = None, **details: Json) -> None:
        """Write a line of history. Raises QuotaExceeded when only the line that ends the execution has room left."""
        if self.count >= self.limits.history - 1:
            raise QuotaExceeded(f"The execution reached the maximum number of history events ({self.limits.history}).")
        self._write(type, frame, details)

    def _write(self, type: str, frame: Frame | None, details: dict[str, Json]) -> None:
        self.count += 1
        path, step = (frame.path, frame.state) if frame is not None else ("", None)
        said = {name: value for name, value in details.items() if value is not None or name in ("input", "output")}
        self.history.append(HistoryEvent(type, path, step, said))

    # The verbs

    def put(self, frame: Frame, **changes: Any) -> Frame:
        """Store a frame as changed."""
        frame = replace(frame, **changes) if changes else frame
        self.frames[frame.path] = frame
        return frame

    def enter(self, frame: Frame) -> None:
        """Let a frame enter the state it names, when its turn comes."""
        self.put(frame)
        self.entering.append(frame.path)

    def next_entry(self) -> Frame | None:
        """The next frame whose turn it is, entered; None when it was cancelled meanwhile."""
        frame = self.frames.get(self.entering.popleft())
        if frame is None:
            return None
        kind = type(self.state_of(frame)).__name__
        self.record(f"{kind}Entered", frame, **({} if self._follows(frame) else {"input": frame.input}))
        fresh = Frame(frame.path, frame.state, frame.input, entry=self.count, entered_at=self.event.at)
        return self.put(fresh)

    def leave(self, frame: Frame, output: Json, next: str | None = None) -> None:
        """End the state with this output; ``next`` overrides where it goes, as a catcher does."""
        state = self.state_of(frame)
        self.check_size(output, frame)
        self.record(f"{type(state).__name__}Exited", frame, output=output)
        following = next or state.next
        if following is None:
            self._end_frame(frame, output)
        else:
            self.enter(replace(frame, state=following, input=output))

    def complete(self, frame: Frame, state: WorkState, result: Json) -> None:
        """End a state that did work: select from its result, place it in the input, and leave."""
        context = self.context(frame)
        if state.result_selector is not None:
            result = self.render(state.result_selector, result, context)
        output = frame.input if state.result_path is None else self.placed(state.result_path, frame.input, result)
        self.leave(frame, self.taken(state.output_path, output, context))

    def fail(self, frame: Frame, error: str, cause: str | None) -> None:
        """Let an error rise from a frame until a Retry or a Catch takes it, or the execution ends with it."""
        while True:
            state = self.state_of(frame)
            self._cancel_children(frame)
            try:
                if isinstance(state, WorkState) and self._is_taken(frame, state, error, cause):
                    return
            except StateFault as fault:  # of the catcher, which does not catch itself
                error, cause = fault.error, fault.cause
            if frame.path == "":
                return self.end(execution.FAILED, error=error, cause=cause)
            frame = self.frames[parent_of(frame.path)]
            self.record("ParallelStateFailed", frame, error=error, cause=cause)

    def end(self, status: str, **ending: Json) -> None:
        """End the execution; nothing is begun any more. The room for this last line of history is always kept."""
        types = {
            execution.COMPLETED: "ExecutionSucceeded",
            execution.FAILED: "ExecutionFailed",
            execution.CANCELLED: "ExecutionAborted",
            execution.TIMED_OUT: "ExecutionTimedOut",
        }
        self.status = status
        self.ending = ending
        self.commands = [one for one in self.commands if isinstance(one, CompleteTask | FailTask)]
        self._write(types[status], None, {name: value for name, value in ending.items() if name != "output"})

    @contextmanager
    def faults_of(self, frame: Frame) -> Iterator[None]:
        """What goes wrong inside is an error of the frame's state."""
        try:
            yield
        except StateFault as fault:
            self.fail(self.frames[frame.path], fault.error, fault.cause)

    def set_execution_timer(self) -> None:
        if self.machine.timeout_seconds is not None:
            self.commands.append(SetTimer(commands.EXECUTION, "", 0, 0, self.machine.timeout_seconds))

    # Data

    def context(self, frame: Frame) -> dict[str, Json]:
        """The context object, ``$$``."""
        before = self.before
        return {
            "Execution": {
                "Id": before.id,
                "Input": before.input,
                "Name": before.name,
                "StartTime": timestamp(before.started_at),
            },
            "State": {
                "Name": frame.state,
                "EnteredTime": timestamp(frame.entered_at),
                "RetryCount": sum(frame.retries),
            },
            "StateMachine": {"Id": before.workflow, "Name": before.workflow},
        }

    def token(self, frame: Frame, number: int) -> str:
        """A task token: which task it answers, and a secret of this try's own."""
        salt = f"{self.event.seed}/{frame.path}/{frame.entry}/{sum(frame.retries)}/token"
        return f"{self.before.id}.{number}.{blake2b(salt.encode(), digest_size=16).hexdigest()}"

    def taken(self, path: Path | None, document: Json, context: dict[str, Json]) -> Json:
        """The part of a document that InputPath or OutputPath takes; an empty object when it is null."""
        if path is None:
            return {}
        try:
            return path.get(document, context)
        except PathMissing as fault:
            raise StateFault("States.Runtime", str(fault)) from None

    def placed(self, path: Path, document: Json, value: Json) -> Json:
        try:
            return path.put(document, value)
        except PathMissing as fault:
            raise StateFault("States.ResultPathMatchFailure", str(fault)) from None

    def render(self, template: Template, document: Json, context: dict[str, Json]) -> Json:
        try:
            return template.render(document, context, Chance(self.event.seed, str(self.count)))
        except PathMissing as fault:
            raise StateFault("States.ParameterPathFailure", str(fault)) from None
        except IntrinsicFault as fault:
            raise StateFault("States.IntrinsicFailure", str(fault)) from None

    def check_size(self, value: Json, frame: Frame, copies: int = 1) -> None:
        """Refuse what is larger than a payload may be, as AWS does; and what could not be stored.

        ``copies`` is how often it will be written. Raises QuotaExceeded when one move would write without bound.
        """
        if not isinstance(value, dict | list | str):
            return
        if jsontext.is_longer_than(value, self.limits.payload):
            raise self._too_large(frame)
        try:
            text = jsontext.write(value)
            jsontext.check_depth(text, self.limits.depth)
        except jsontext.NotJson as fault:
            raise StateFault("States.Runtime", f"The state/task '{frame.state}' returned no JSON: {fault}") from None
        size = jsontext.size(text)
        if size > self.limits.payload:
            raise self._too_large(frame)
        self.written += size * copies
        if self.written > self.limits.move:
            raise QuotaExceeded(f"One move of the execution would write more than {self.limits.move} bytes.")

    def _too_large(self, frame: Frame) -> StateFault:
        return StateFault(
            "States.DataLimitExceeded",
            f"The state/task '{frame.state}' returned a result with a size exceeding the maximum number of "
            "bytes service limit.",
        )

    # Inside

    def _follows(self, frame: Frame) -> bool:
        """Whether the line above already holds this frame's input, as the output of the state it left."""
        last = self.history[-1] if self.history else None
        return last is not None and last.frame == frame.path and last.details.get("output", last) is frame.input

    def _end_frame(self, frame: Frame, output: Json) -> None:
        if frame.path == "":
            self.put(frame, waiting=execution.ENDED)
            return self.end(execution.COMPLETED, output=output)
        self.put(frame, waiting=execution.ENDED, output=output)
        parent = self.put(self.frames[parent_of(frame.path)], open=self.frames[parent_of(frame.path)].open - 1)
        if parent.open == 0:
            with self.faults_of(parent):
                self._join(parent)

    def _join(self, parent: Frame) -> None:
        state = self.state_of(parent)
        assert isinstance(state, ParallelState)
        children = [execution.child_path(parent.path, parent.entry, n) for n in range(len(state.branches))]
        results = [self.frames.pop(path).output for path in children]
        self.record("ParallelStateSucceeded", parent)
        self.complete(parent, state, results)

    def _cancel_children(self, frame: Frame) -> None:
        for path in [path for path in self.frames if is_below(path, frame.path)]:
            del self.frames[path]
        self.commands = [one for one in self.commands if not _begins_below(one, frame.path)]
        if frame.waiting == execution.FOR_CHILDREN:
            self.commands.append(CancelFrames(frame.path))

    def _is_taken(self, frame: Frame, state: WorkState, error: str, cause: str | None) -> bool:
        draw = retry.chance(self.event.seed, f"{frame.path}/{frame.entry}/{sum(frame.retries)}")
        decision = retry.decide(state.retriers, frame.retries, error, draw)
        if decision is not None:
            self._hold(frame, state, decision, error, cause)
            return True
        if isinstance(state, TaskState):
            self._settle_failed(FailTask(number_of(state, frame), error, cause))
        catcher = retry.first_match(state.catchers, error)
        if catcher is None:
            return False
        caught = {"Error": error, "Cause": cause or ""}
        path = catcher.result_path
        self.leave(frame, frame.input if path is None else self.placed(path, frame.input, caught), catcher.next)
        return True

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
        self.put(frame, waiting=execution.FOR_RETRY, retries=decision.retries, open=0)


def _begins_below(command: Command, frame: str) -> bool:
    return isinstance(command, DispatchTask | SetTimer) and is_below(command.frame, frame)


def number_of(state: TaskState, frame: Frame) -> int:
    """Which task of the execution this visit is: the planned one, or one named after its entry."""
    return state.number if state.number is not None else frame.entry


def timestamp(at: int) -> str:
    """Milliseconds since the epoch as AWS writes them: 2026-11-24T03:00:00.000Z."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
