"""The door: the one class through which every execution starts, advances, stops, pauses and is redriven.

It is called the door because there is no other way in: a worker's result, the answer to a token, a due timer and a
request to cancel all come here as a method call, and what the core decides is written nowhere else. (Taking a task,
``queries.claim`` and ``polled_tasks``, is no decision of the core: it only notes that the task has started.)

Each method is one transaction: lock and load the rows, let the core decide, write what it decided, commit, and only
then notify others. A move that a guard refuses (a late result, a doubled message, a stale owner) changes nothing, and
is counted and logged.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stepwell.db import queries
from stepwell.db.database import database, locked, transaction
from stepwell.db.models import Attempt, Execution, Task
from stepwell.db.queries import clock_sql
from stepwell.db.values import Claimed, DueTimer, Finish, Finished, QueuedTask
from stepwell.functions.errors import Conflict, NotFound, TaskClosed
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.core import commands, events, execution, retry
from stepwell.runtime.engine.transition import FramesMissing, Transition, transition
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.ids import is_id, task_id
from stepwell.runtime.map_runs import pump, requests
from stepwell.runtime.moves import completion, history, hot_path, load, polled_tasks, save, task_rows, task_tokens
from stepwell.runtime.moves import redrive as redrives
from stepwell.runtime.moves import start as starting
from stepwell.runtime.moves.effects import Effects, Notifier
from stepwell.runtime.moves.guards import AttemptEnd, Guard, ParentGuard, TaskReport, TokenAnswer, TokenGuard
from stepwell.runtime.moves.hot_path import Moment
from stepwell.runtime.moves.start import Started, Wanted
from stepwell.runtime.outage import Done
from stepwell.runtime.workflows import Latest, Workflows, limits_of

log = logging.getLogger("stepwell.executions")

CHILDREN = (1, 40, 1_000, sys.maxsize, None)
"""How many children of a frame are loaded for a move: at first, and each time that the core needs more."""

MakeEvent = Callable[[int, Task | None], events.Event | None]
"""Makes the event of a move from the time and the locked task. None: there is nothing to report after all."""


class Executions:
    def __init__(
        self, workflows: Workflows, notifier: Notifier, limits: EngineLimits, lease: float, artifacts: Path
    ) -> None:
        self.workflows = workflows
        self.notifier = notifier
        self.limits = limits
        self.artifacts = artifacts
        self.lease_ms = round(lease * 1000)
        self.counters: Counter[str] = Counter()

    # Start

    def start(self, latest: Latest, wanted: Wanted) -> Started:
        """Start an execution of this version. When this returns it is committed.

        Raises PayloadTooLarge, InvalidName, NameTaken, and KeyReused if the key has started something else.
        """
        machine = self.workflows.machine(latest.version_id)
        if machine.activities:
            with database.connection_context():
                machine = polled_tasks.looked_up(machine)
        begin = starting.begin(latest, machine, wanted, _seed(), limits_of(latest.name, self.limits))
        earlier = starting.write(begin)
        if earlier is not None:
            return Started(earlier)
        self._announce(Effects(starting.queued(begin), bool(begin.timers)))
        return Started(begin.execution.id, begin.execution)

    # Advance

    def succeed(
        self, claim: Claimed, result: str, logs: str, may_go_on: Callable[[Claimed], bool], took_ms: int = 0
    ) -> Claimed | None:
        """Take a task's result (JSON text). Returns the claim of the next task if it was made in the same commit.

        ``may_go_on`` decides whether this worker may claim the following task. ``took_ms`` is the time since the
        claim was made, in milliseconds by the worker's monotonic clock.
        """
        if claim.token is not None:
            self._await_answer(claim, result, logs)
            return None
        output = json.loads(result)
        machine = self.workflows.machine(claim.version_id)
        moment, limits = Moment(claim.now + took_ms, _seed()), limits_of(claim.workflow, self.limits)
        move = hot_path.decide(claim, output, machine, moment, limits)
        if move is not None:
            finish = hot_path.finish(move, result, logs, may_go_on, self.lease_ms)
            with database.connection_context():
                reach("finish.before_commit")
                done = queries.finish(finish)
                reach("finish.after_commit")
            if done is not None:
                return self._go_on(finish, move, done)
        self._settle(
            claim,
            lambda at: events.TaskSucceeded(at, _seed(), *_place(claim), output),
            AttemptEnd("COMPLETED", logs=logs),
        )
        return None

    def read_back(self, claim: Claimed) -> Done[list[Claimed]] | None:
        """Find out whether a claim's result was committed although the answer was lost.

        Returns the claims that its owner holds of the execution since, or None if the result was not committed. The
        workers are notified once more of the execution's queued tasks: the first time may have been lost, too.
        """
        with database.connection_context():
            ended = Attempt.get_or_none(Attempt.task_id == claim.id, Attempt.attempt == claim.attempt)
            if ended is None:
                return None
            queued = Task.select(Task.id, Task.workflow_id).where(
                Task.execution_id == claim.execution_id, Task.status == TaskStatus.QUEUED, Task.queued_at.is_null(False)
            )
            self.notifier.notify([QueuedTask(task.id, task.workflow_id) for task in queued])
            return Done(queries.held(claim.execution_id, claim.owner))

    def answer(self, token: str, answer: TokenAnswer) -> None:
        """Take the answer to a task token. Raises InvalidToken, TaskClosed.

        It counts whether the handler still runs, has returned, or has to run again: the token is the same.
        """
        with database.connection_context():
            task = task_tokens.task_of(token)

        def event(at: int, task: Task | None) -> events.Event:
            assert task is not None
            place = (task.frame, task.entry, task.attempt)
            if answer.error is None:
                return events.TaskSucceeded(at, _seed(), *place, answer.output)
            return events.TaskFailed(at, _seed(), *place, answer.error, answer.cause)

        kind = "COMPLETED" if answer.error is None else "FAILED"
        report = TaskReport(TokenGuard(task.id, token), AttemptEnd(kind, answer.error, answer.cause))
        if not self._advance(task.execution_id, event, report):
            raise TaskClosed()

    def heartbeat(self, token: str) -> None:
        """Take a heartbeat of a task token's holder: its next one is due later. Raises InvalidToken, TaskClosed."""
        task_tokens.beat(token)

    def fail(self, claim: Claimed, error: str, cause: str | None, logs: str) -> None:
        """Take a task's failure. Its Retry, its Catch or the execution's end follows."""
        kind = "TIMED_OUT" if error in ("States.Timeout", "Sandbox.Timedout") else "FAILED"
        end = AttemptEnd(kind, error, cause, logs)
        self._settle(claim, lambda at: events.TaskFailed(at, _seed(), *_place(claim), error, cause), end)

    def fail_unclaimed(self, guard: Guard, execution_id: str, error: str, cause: str | None) -> bool:
        """Fail a task without its worker, which is lost, late, or missing."""

        def event(at: int, task: Task | None) -> events.Event:
            assert task is not None
            return events.TaskFailed(at, _seed(), task.frame, task.entry, task.attempt, error, cause)

        outcome = "TIMED_OUT" if retry.reported(error) == retry.TIMEOUT else "LOST"
        return self._advance(execution_id, event, TaskReport(guard, AttemptEnd(outcome, error, cause)))

    def fire(self, timer: DueTimer) -> bool:
        """Fire a due timer. It fires once: for the process that removes its row first. False for all others."""

        def event(at: int, task: Task | None) -> events.Event | None:
            if timer.kind == commands.EXECUTION:
                return events.ExecutionTimedOut(at, _seed())
            if task is not None:
                return completion.event_of(at, _seed(), task)
            return events.TimerFired(at, _seed(), timer.frame, timer.entry, timer.number)

        if timer.kind == commands.WAKE_RUN:
            return self._commit(lambda: self._pumped(timer.execution_id, timer.frame, timer.entry))
        report = None
        if timer.kind == commands.WAKE_PARENT:
            guard = ParentGuard(task_id(timer.execution_id, timer.number), timer.frame, timer.entry)
            report = TaskReport(guard, AttemptEnd("COMPLETED"))
        return self._advance(timer.execution_id, event, report, timer)

    def _pumped(self, execution_id: str, frame: str, entry: int) -> Effects | None:
        """Pump a Map Run. None if there is none, or if another process has pumped it meanwhile."""
        if not requests.is_requested(execution_id, frame, entry):
            return None
        row = locked(Execution, Execution.id == execution_id)
        if row is None or row.status != Status.IN_PROGRESS:
            requests.forget(execution_id, frame, entry)
            return None
        pumped = pump.pump(row, frame, entry, pump.PumpNeeds(self.workflows, self.limits, self.artifacts, _seed()))
        if pumped is None or pumped.event is None:
            return None if pumped is None else pumped.effects
        written = self._written(row, pumped.event, before=pumped.execution)
        return pumped.effects.with_those(written or Effects())

    def _await_answer(self, claim: Claimed, result: str, logs: str) -> None:
        """Note that the handler has returned. Its task stays IN_PROGRESS, unowned, until the token is answered."""
        guard = Guard(claim.id, claim.attempt, claim.owner)
        with database.connection_context(), transaction():
            row = locked(Execution, Execution.id == claim.execution_id)
            task = None if row is None else locked(Task, *guard.conditions())
            if task is None:
                return self._drop_answered(claim, logs)
            task_rows.close_attempt(task, AttemptEnd("COMPLETED", logs=logs))
            Task.update(**task_rows.AWAITING_ANSWER).where(Task.id == task.id).execute()
            history.append(row, history.submitted(claim, result, self.limits.payload))
            reach("await.before_commit")
        reach("await.after_commit")

    def _drop_answered(self, claim: Claimed, logs: str) -> None:
        """Keep the logs of a handler that returned after its token was answered, with the attempt that it ran as."""
        mine = (Attempt.task_id == claim.id, Attempt.attempt == claim.attempt, Attempt.owner == claim.owner)
        if not Attempt.update(logs=logs).where(*mine, Attempt.logs == "").execute():
            self._drop(claim)

    # Control: cancel, stop, redrive, pause, resume

    def cancel(self, execution_id: str) -> None:
        """End an execution as CANCELLED. Raises NotFound, and Conflict if it has ended otherwise."""
        if not self.stop(execution_id):
            self._refuse(execution_id, "cancelled", unless=Status.CANCELLED)

    def stop(self, execution_id: str, error: str | None = None, cause: str | None = None) -> bool:
        """End an execution as CANCELLED, with this error and cause. False if it has ended, or does not exist."""
        return self._advance(execution_id, lambda at, task: events.ExecutionCancelled(at, _seed(), error, cause))

    def redrive(self, execution_id: str, key: str | None = None) -> bool:
        """Let an execution that has ended without success go on where it stopped. False if it has not, or runs again.

        It is the one way out of a final status. A ``key`` is stored in the same commit, by which its caller knows a
        repeated request.
        """
        return self._commit(lambda: redrives.redriven(execution_id, self.workflows, _seed(), self.limits, key))

    def pause(self, execution_id: str) -> None:
        """Hand out no more tasks of an execution; running handlers finish. Raises NotFound, Conflict."""
        self._set_paused(execution_id, True)

    def resume(self, execution_id: str) -> None:
        """Resume a paused execution. Raises NotFound, Conflict."""
        self._set_paused(execution_id, False)

    def _set_paused(self, execution_id: str, paused: bool) -> None:
        _check_id(execution_id)
        effects = Effects()
        with database.connection_context():
            with transaction():
                row = locked(Execution, Execution.id == execution_id)
                if row is not None and row.status == Status.IN_PROGRESS and row.paused != paused:
                    Execution.update(paused=paused, revision=Execution.revision + 1).where(
                        Execution.id == execution_id
                    ).execute()
                    effects = _requeue(execution_id, paused)
                reach("pause.before_commit")
            reach("pause.after_commit")
            if row is None or row.status != Status.IN_PROGRESS:
                self._refuse(execution_id, "paused" if paused else "resumed")
            self._announce(effects)

    def _refuse(self, execution_id: str, verb: str, unless: str | None = None) -> None:
        with database.connection_context():
            row = Execution.get_or_none(Execution.id == execution_id)
        if row is None:
            raise NotFound(f"There is no execution {execution_id}.")
        if row.status != unless:
            raise Conflict(f"The execution is {row.status} and cannot be {verb}.")

    # Inside

    def _go_on(self, finish: Finish, move: hot_path.Move, done: Finished) -> Claimed | None:
        """Notify others of a move that was one statement, and return the claim that came with it, if one did."""
        if finish.next is not None and not finish.next.claim:
            self.notifier.notify([QueuedTask(finish.next.task.id, finish.next.task.workflow_id)])
        if finish.wakes is not None:
            self.notifier.wake_timers()
        return hot_path.next_claim(finish, move, done)

    def _settle(self, claim: Claimed, make: Callable[[int], events.Event], end: AttemptEnd) -> None:
        report = TaskReport(Guard(claim.id, claim.attempt, claim.owner), end)
        if not self._advance(claim.execution_id, lambda at, task: make(at), report):
            self._drop(claim)

    def _drop(self, claim: Claimed) -> None:
        self.counters["fenced_results"] += 1
        log.warning("dropped a late result of task %s, attempt %s", claim.id, claim.attempt)

    def _advance(
        self, execution_id: str, make: MakeEvent, report: TaskReport | None = None, timer: DueTimer | None = None
    ) -> bool:
        """Lock, load, decide, write, commit, notify. False if the event fits nothing any more.

        ``make`` gives the event for the time and the locked task of the ``report``. A ``timer`` is removed with it.
        """
        _check_id(execution_id)
        return self._commit(lambda: self._moved(execution_id, make, report, timer))

    def _commit(self, move: Callable[[], Effects | None]) -> bool:
        """Make a move in a transaction of its own, commit, and notify others. False if it changed nothing."""
        with database.connection_context():
            with transaction():
                effects = move()
                reach("advance.before_commit")
            reach("advance.after_commit")
            if effects is not None:
                self._announce(effects)
        return effects is not None

    def _moved(
        self, execution_id: str, make: MakeEvent, report: TaskReport | None, timer: DueTimer | None
    ) -> Effects | None:
        # The execution's row first, then the timer's, then the task's: the order in which every move takes its locks.
        row = locked(Execution, Execution.id == execution_id)
        if timer is not None and not save.take_timer(timer):
            return None
        if row is None or row.status != Status.IN_PROGRESS:
            return None
        task = None if report is None else locked(Task, *report.guard.conditions())
        if report is not None and task is None:
            return None
        event = make(queries.now(), task)
        return None if event is None else self._written(row, event, task, None if report is None else report.end)

    def _written(
        self,
        row: Execution,
        event: events.Event,
        task: Task | None = None,
        end: AttemptEnd | None = None,
        before: execution.Execution | None = None,
    ) -> Effects | None:
        """Write the transition that this event causes. None if it changes nothing.

        The ended attempt of the ``task`` is closed before the transition frees the task's row. ``before``
        is the execution, if the caller has loaded it already.
        """
        before, move = self._decided(row, event, 0 if task is None else task.attempt, before)
        if move.execution is before:
            return None
        if task is not None and end is not None:
            task_rows.close_attempt(task, end)
        effects = save.save(row, before, move)
        if row.parent is not None and move.execution.status != Status.IN_PROGRESS:
            effects.timers |= completion.notify(row.parent)
        return effects

    def _decided(
        self, row: Execution, event: events.Event, attempt: int, loaded: execution.Execution | None
    ) -> tuple[execution.Execution, Transition]:
        """The execution before the event, and its transition. No more children are loaded than the core needs."""
        machine = polled_tasks.looked_up(self.workflows.machine(row.version_id))
        path = getattr(event, "frame", "")
        limits = limits_of(row.workflow, self.limits)
        for children in CHILDREN:
            before, loaded = loaded or load.load(row, path, attempt, children), None
            with suppress(FramesMissing):
                return before, transition(machine, before, event, limits)
        raise AssertionError(f"execution {row.id} lacks a frame")

    def _announce(self, effects: Effects) -> None:
        if effects.queued:
            self.notifier.notify(effects.queued)
        if effects.timers:
            self.notifier.wake_timers()
        if effects.cancelled:
            self.notifier.drop_cancelled()


def _requeue(execution_id: str, paused: bool) -> Effects:
    """Hide an execution's queued tasks from all workers, or hand them out again and let its Map Runs go on."""
    queued = Task.update(queued_at=None if paused else clock_sql(), missing_since=None).where(
        Task.execution_id == execution_id, Task.status == TaskStatus.QUEUED
    )
    rows = queued.returning(Task.id, Task.workflow_id).execute()
    found = [QueuedTask(task.id, task.workflow_id) for task in rows]
    return Effects() if paused else Effects(found, requests.request_pumps(execution_id))


def _place(claim: Claimed) -> tuple[str, int, int]:
    return claim.frame, claim.entry, claim.attempt


def _seed() -> int:
    """64 random bits. Randomness enters the core by this seed alone."""
    return secrets.randbits(64)


def _check_id(execution_id: str) -> None:
    if not is_id(execution_id):
        raise NotFound(f"There is no execution {execution_id[:64]!r}.")
