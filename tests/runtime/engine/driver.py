"""Plays an execution without a database: a script answers the tasks, timers fire in due order on a virtual clock.

Nothing is taken back: the answers for a cancelled branch arrive all the same, late, as they may in production.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from stepwell.runtime.engine.core import commands, events
from stepwell.runtime.engine.core.commands import Command, CompleteTask, DispatchTask, FailTask, HoldTask, SetTimer
from stepwell.runtime.engine.core.execution import Execution, HistoryEvent
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.transition import Transition, transition
from stepwell.runtime.engine.values.limits import LIMITS, EngineLimits
from stepwell.runtime.engine.values.statuses import Status

Json = Any
Make = Callable[[int], events.Event]
Decide = Callable[[StateMachine, Execution, events.Event, EngineLimits], Transition]

BEGIN = 1_795_489_200_000
"""2026-11-24T03:00:00Z, when every play begins."""

SETTLED = {CompleteTask: "COMPLETED", FailTask: "FAILED", HoldTask: "PENDING"}


class Unscripted(AssertionError):
    """A task was dispatched, and the script has no answer left for it."""


@dataclass(frozen=True)
class Answer:
    """The behaviour of a handler: after ``after`` seconds it returns ``result``, or raises ``error``.

    If the task waits for a token, this is the answer with the token, and the handler returns ``submitted`` at once.
    ``worker`` is the name of the worker that polls an activity.
    """

    result: Json = None
    error: str | None = None
    cause: str | None = None
    after: float = 0
    submitted: Json = None
    worker: str | None = None


@dataclass
class Play:
    """Everything that has happened. ``tasks`` has each step's status, as the task's row would have it."""

    execution: Execution
    history: list[HistoryEvent] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    results: dict[int, Json] = field(default_factory=dict)
    dispatched: list[DispatchTask] = field(default_factory=list)
    timers: list[SetTimer] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    tasks: dict[str, str] = field(default_factory=dict)
    milliseconds: int = 0

    @property
    def inputs(self) -> dict[str, list[Json]]:
        """The inputs of each step's handler, call by call."""
        found: dict[str, list[Json]] = defaultdict(list)
        for task in self.dispatched:
            found[task.step].append(task.input)
        return dict(found)


class Driver:
    def __init__(
        self,
        machine: StateMachine,
        given: Json,
        answer: Callable[[DispatchTask], Answer],
        *,
        seed: int = 0,
        limits: EngineLimits = LIMITS,
        decide: Decide = transition,
        in_order: bool = True,
        name: str = "e-1",
        runs: Callable[[str], Answer] | None = None,
    ) -> None:
        self.runs = runs
        self.machine = machine
        self.answer = answer
        self.chance = Random(seed)
        self.limits = limits
        self.decide = decide
        self.in_order = in_order
        self.play = Play(Execution("e-1", name, "w", given, BEGIN))
        self.due: list[tuple[int, int, Make]] = []
        self.order = count()
        self.attempts: Counter[int] = Counter()

    def run(self, cancel_after: float | None = None) -> Play:
        """Start the execution, and deliver events until none is left."""
        if cancel_after is not None:
            self._plan(BEGIN, cancel_after, lambda at: events.ExecutionCancelled(at, self._seed()))
        self.deliver(events.ExecutionStarted(BEGIN, self._seed()))
        return self.run_on()

    def redrive(self, count: int) -> Play:
        """Redrive an execution a second after its end, and deliver events until none is left."""
        ended, at = self.play.execution, BEGIN + self.play.milliseconds + 1000
        self.play.execution = replace(ended, status=Status.IN_PROGRESS, output=None, error=None, cause=None)
        self.deliver(events.ExecutionRedriven(at, self._seed(), count))
        return self.run_on()

    def run_on(self) -> Play:
        """Deliver events in due order until none is left."""
        while self.due:
            at, make = self._next()
            self.deliver(make(at))
        return self.play

    def deliver(self, event: events.Event) -> None:
        """Apply one event, and carry out the commands."""
        before = self.play.execution
        move = self.decide(self.machine, before, event, self.limits)
        self.play.execution = move.execution
        self._write(move.history, event.at)
        if move.execution is not before:
            self.play.milliseconds = event.at - BEGIN
        for command in move.commands:
            self._obey(command, event.at)

    def _write(self, lines: Sequence[HistoryEvent], at: int) -> None:
        self.play.history.extend(lines)
        self.play.times.extend([at] * len(lines))

    def _next(self) -> tuple[int, Make]:
        """The event that is due first; a random one when time does not count."""
        if not self.in_order:
            self.chance.shuffle(self.due)
        at, _, make = heappop(self.due) if self.in_order else self.due.pop()
        return at, make

    def _obey(self, command: Command, at: int) -> None:
        match command:
            case DispatchTask():
                self._call(command, at)
            case SetTimer(kind=commands.WAKE_RUN) if self.runs is not None:
                self._begin_run(command, self.runs(self.play.execution.frames[command.frame].state), at)
            case SetTimer():
                self.play.timers.append(command)
                self._plan(at, command.delay_seconds, lambda now: self._fired(command, now))
            case commands.CancelFrames():
                self.play.cancelled.append(command.frame)
            case CompleteTask():
                self.play.results[command.number] = command.result
                self._settle(command)
            case FailTask() | HoldTask():
                self._settle(command)

    def _begin_run(self, timer: SetTimer, ending: Answer, at: int) -> None:
        """Let a Map Run end as the script says: its executions are not played."""
        place, told = (timer.frame, timer.entry), (ending.result, ending.error, ending.cause)
        self._plan(at, ending.after, lambda now: events.MapRunEnded(now, self._seed(), *place, *told))

    def _settle(self, command: CompleteTask | FailTask | HoldTask) -> None:
        step = next((one.step for one in self.play.dispatched if one.number == command.number), None)
        self.play.tasks[step or f"task {command.number}"] = SETTLED[type(command)]

    def _call(self, task: DispatchTask, at: int) -> None:
        """Claim the task, as a worker would, and plan the event for its handler's end."""
        self.play.dispatched.append(task)
        self.play.tasks[task.step] = "QUEUED"
        self.attempts[task.number] += 1
        attempt = self.attempts[task.number]
        given = self.answer(task)
        self._claim(task, attempt, given, at)
        for error, seconds in (
            ("States.HeartbeatTimeout", task.heartbeat_seconds),
            ("States.Timeout", task.timeout_seconds),
        ):
            if seconds is not None and given.after > seconds:
                given = Answer(error=error, after=seconds)
        self._plan(at, given.after, lambda now: self._ended(task, attempt, given, now))

    def _claim(self, task: DispatchTask, attempt: int, given: Answer, at: int) -> None:
        """Write the runtime's own lines: one for a claim, one for a handler that leaves the answer to a token."""
        kinds = ["TaskStarted", "TaskSubmitted"] if task.token and not task.is_polled else ["TaskStarted"]
        told = {"TaskStarted": {"worker": given.worker} if given.worker else {}}
        told["TaskSubmitted"] = {"output": given.submitted}
        before = self.play.execution
        claimed = {task.frame: replace(before.frames[task.frame], attempt=attempt)}
        count = before.history_count + len(kinds)
        self.play.execution = replace(before, frames={**before.frames, **claimed}, history_count=count)
        self._write([HistoryEvent(one, task.frame, task.step, {"task": task.number, **told[one]}) for one in kinds], at)

    def _ended(self, task: DispatchTask, attempt: int, given: Answer, at: int) -> events.Event:
        place = (at, self._seed(), task.frame, task.entry, attempt)
        if given.error is not None:
            return events.TaskFailed(*place, given.error, given.cause)
        return events.TaskSucceeded(*place, given.result)

    def _fired(self, timer: SetTimer, at: int) -> events.Event:
        if timer.kind == commands.EXECUTION:
            return events.ExecutionTimedOut(at, self._seed())
        return events.TimerFired(at, self._seed(), timer.frame, timer.entry, timer.number)

    def _plan(self, at: int, seconds: float, make: Make) -> None:
        heappush(self.due, (at + round(seconds * 1000), next(self.order), make))

    def _seed(self) -> int:
        return self.chance.getrandbits(64)


class Script:
    """The answers of each step, call by call. A call too many fails the case, and so does one too few."""

    def __init__(self, answers: Mapping[str, Sequence[Mapping[str, Json]]]) -> None:
        self.left = {step: [Answer(**one) for one in calls] for step, calls in answers.items()}

    def __call__(self, task: DispatchTask) -> Answer:
        return self.of(task.step)

    def of(self, step: str) -> Answer:
        if not self.left.get(step):
            raise Unscripted(f"{step} is called, and the script has no answer left")
        return self.left[step].pop(0)

    @property
    def unused(self) -> list[str]:
        return [step for step, answers in self.left.items() if answers]
