"""The door: the one class through which every execution starts, advances, stops, pauses and is redriven.

It is called the door because there is no other way in: a worker's result, the answer to a token, a due timer and a
request to cancel all come here as a method call, and what the core decides is written nowhere else. (Taking a task,
``queries.claim`` and ``polled_tasks``, is no decision of the core: it only notes that the task has started.)

Each method is one transaction: lock and load the rows, let the core decide, write what it decided, commit, and only
then notify others (``mover``). A move that a guard refuses (a late result, a doubled message, a stale owner) changes
nothing, and is counted and logged. One that fails is put off, and ends its execution when it fails too often.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from stepwell.db import queries
from stepwell.db.database import database, locked, transaction
from stepwell.db.models import Attempt, Execution, Task
from stepwell.db.queries import clock_sql
from stepwell.db.values import Claimed, DueTimer, Finish, Finished, QueuedTask
from stepwell.functions.errors import Conflict, NotFound, TaskClosed
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.core import events, retry
from stepwell.runtime.engine.transition import MoveTookTooLong
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.ids import is_id
from stepwell.runtime.map_runs import requests
from stepwell.runtime.mover.mover import FIRST_SECONDS, Mover, alarm_after, seed
from stepwell.runtime.moves import history, hot_path, polled_tasks, task_rows, task_tokens
from stepwell.runtime.moves import redrive as redrives
from stepwell.runtime.moves import start as starting
from stepwell.runtime.moves.effects import Effects, Notifier
from stepwell.runtime.moves.guards import AttemptEnd, Guard, TaskAnswer, TaskReport, TokenGuard, locked_task
from stepwell.runtime.moves.hot_path import Moment
from stepwell.runtime.moves.start import Started, Wanted
from stepwell.runtime.outage import Done
from stepwell.runtime.workflows import Latest, Workflows, limits_of

log = logging.getLogger("stepwell.executions")


class Executions:
    def __init__(
        self, workflows: Workflows, notifier: Notifier, limits: EngineLimits, lease: float, artifacts: Path
    ) -> None:
        self.workflows = workflows
        self.notifier = notifier
        self.artifacts = artifacts
        self.lease_ms = round(lease * 1000)
        self.counters: Counter[str] = Counter()
        self._mover = Mover(workflows, notifier, limits, artifacts)

    @property
    def limits(self) -> EngineLimits:
        """The limits of every execution."""
        return self._mover.limits

    # Start

    def start(self, latest: Latest, wanted: Wanted) -> Started:
        """Start an execution of this version. When this returns it is committed.

        Raises PayloadTooLarge, InvalidName, NameTaken, and KeyReused if the key has started something else.
        """
        machine = self.workflows.machine(latest.version_id)
        if machine.activities:
            with database.connection_context():
                machine = polled_tasks.looked_up(machine)
        begin = starting.begin(latest, machine, wanted, seed(), limits_of(latest.name, self.limits))
        earlier = starting.write(begin)
        if earlier is not None:
            return Started(earlier)
        self._mover.announce(Effects(starting.queued(begin), bool(begin.timers)))
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
        report = TaskReport(_guard(claim), AttemptEnd("COMPLETED", logs=logs), TaskAnswer(output))
        machine = self.workflows.machine(claim.version_id)
        moment, limits = Moment(claim.now + took_ms, seed()), limits_of(claim.workflow, self.limits)
        try:
            move = hot_path.decide(claim, output, machine, moment, limits, alarm_after(FIRST_SECONDS))
        except MoveTookTooLong as fault:
            self._mover.put_off_report(claim.execution_id, report, fault)
            return None
        if move is not None:
            finish = hot_path.finish(move, result, logs, may_go_on, self.lease_ms)
            with database.connection_context():
                reach("finish.before_commit")
                done = queries.finish(finish)
                reach("finish.after_commit")
            if done is not None:
                return self._go_on(finish, move, done)
        self._settle(claim, report)
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

    def answer(self, token: str, answer: TaskAnswer) -> None:
        """Take the answer to a task token. Raises InvalidToken, TaskClosed.

        It counts whether the handler still runs, has returned, or has to run again: the token is the same.
        """
        with database.connection_context():
            task = task_tokens.task_of(token)

        kind = "COMPLETED" if answer.error is None else "FAILED"
        end = AttemptEnd(kind, answer.error, answer.cause)
        if not self._mover.take_report(task.execution_id, TaskReport(TokenGuard(task.id, token), end, answer)):
            raise TaskClosed()

    def heartbeat(self, token: str) -> None:
        """Take a heartbeat of a task token's holder: its next one is due later. Raises InvalidToken, TaskClosed."""
        task_tokens.beat(token)

    def fail(self, claim: Claimed, error: str, cause: str | None, logs: str) -> None:
        """Take a task's failure. Its Retry, its Catch or the execution's end follows."""
        kind = "TIMED_OUT" if error in ("States.Timeout", "Sandbox.Timedout") else "FAILED"
        end = AttemptEnd(kind, error, cause, logs)
        self._settle(claim, TaskReport(_guard(claim), end, TaskAnswer(error=error, cause=cause)))

    def fail_unclaimed(self, guard: Guard, execution_id: str, error: str, cause: str | None) -> bool:
        """Fail a task without its worker, which is lost, late, or missing.

        False if the guard no longer holds, or if another move holds the execution: the next sweep finds the task again.
        """
        outcome = "TIMED_OUT" if retry.reported(error) == retry.TIMEOUT else "LOST"
        end = AttemptEnd(outcome, error, cause)
        report = TaskReport(guard, end, TaskAnswer(error=error, cause=cause))
        return self._mover.take_report(execution_id, report, skip_locked=True)

    # Timers

    def fire_next(self) -> bool | None:
        """Fire the earliest due timer of an execution that no other move holds. None if there is none.

        False if it fits nothing any more, or was put off because its move failed.
        """
        return self._mover.fire_next()

    def fire_again(self) -> bool:
        """Fire the next due timer of those that were put off. False if there is none."""
        return self._mover.fire_again()

    def fire(self, timer: DueTimer) -> bool:
        """Fire this timer, whether it is due or not. It fires once: False if another process has removed its row."""
        return self._mover.fire(timer)

    def _await_answer(self, claim: Claimed, result: str, logs: str) -> None:
        """Note that the handler has returned. Its task stays IN_PROGRESS, unowned, until the token is answered."""
        with database.connection_context(), transaction():
            row, task = locked_task(claim.execution_id, _guard(claim))
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
        _check_id(execution_id)
        return self._mover.apply(execution_id, lambda at, task: events.ExecutionCancelled(at, seed(), error, cause))

    def end(self, execution_id: str, cause: str) -> bool:
        """End an execution that cannot move, as FAILED with States.Runtime and this cause. False if it has ended."""
        return self._mover.end(execution_id, cause)

    def redrive(self, execution_id: str, key: str | None = None) -> bool:
        """Let an execution that has ended without success go on where it stopped. False if it has not, or runs again.

        It is the one way out of a final status. A ``key`` is stored in the same commit, by which its caller knows a
        repeated request.
        """
        return self._mover.commit(lambda: redrives.redriven(execution_id, self.workflows, seed(), self.limits, key))

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
            self._mover.announce(effects)

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

    def _settle(self, claim: Claimed, report: TaskReport) -> None:
        if not self._mover.take_report(claim.execution_id, report):
            self._drop(claim)

    def _drop(self, claim: Claimed) -> None:
        self.counters["fenced_results"] += 1
        log.warning("dropped a late result of task %s, attempt %s", claim.id, claim.attempt)


def _requeue(execution_id: str, paused: bool) -> Effects:
    """Hide an execution's queued tasks from all workers, or hand them out again and let its Map Runs go on."""
    queued = Task.update(queued_at=None if paused else clock_sql(), missing_since=None).where(
        Task.execution_id == execution_id, Task.status == TaskStatus.QUEUED
    )
    rows = queued.returning(Task.id, Task.workflow_id).execute()
    found = [QueuedTask(task.id, task.workflow_id) for task in rows]
    return Effects() if paused else Effects(found, requests.request_pumps(execution_id))


def _guard(claim: Claimed) -> Guard:
    return Guard(claim.id, claim.attempt, claim.owner)


def _check_id(execution_id: str) -> None:
    if not is_id(execution_id):
        raise NotFound(f"There is no execution {execution_id[:64]!r}.")
