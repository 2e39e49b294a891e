"""The one door by which an execution moves: start, advance, stop; each one transaction.

Load the rows, let the core decide, write what it decided, commit, and only then tell anybody. A move that any guard
refuses (a late result, a doubled message, a stale owner) changes nothing, is counted and logged.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from stepwell.db import queries
from stepwell.db.database import database, locked, transaction
from stepwell.db.models import Attempt, Execution, Task
from stepwell.db.queries import Claimed, Finish, clock_sql
from stepwell.functions.errors import Conflict, NotFound, TaskClosed
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.core import commands, events, execution, retry
from stepwell.runtime.engine.transition import FramesMissing, Transition, transition
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.ids import is_id, task_id
from stepwell.runtime.map_runs import pump, requests
from stepwell.runtime.moves import completion, history, hot_path, rows, task_tokens
from stepwell.runtime.moves import redrive as redrives
from stepwell.runtime.moves import start as starting
from stepwell.runtime.moves.completion import ParentGuard
from stepwell.runtime.moves.effects import Notifier
from stepwell.runtime.moves.guards import Guard, Outcome, TokenAnswer, TokenGuard
from stepwell.runtime.moves.hot_path import Moment
from stepwell.runtime.moves.rows import Effects
from stepwell.runtime.moves.start import Started, Wanted
from stepwell.runtime.outage import Done
from stepwell.runtime.workflows import Latest, Workflows, limits_of

log = logging.getLogger("stepwell.executions")

CHILDREN = (1, 40, 1_000, sys.maxsize, None)
"""How many children of a frame are loaded for a move, at first and when it turns out to need more of them."""


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

    def start(
        self, latest: Latest, given: Json, name: str | None = None, key: str | None = None, asked: str | None = None
    ) -> Started:
        """Start an execution of this version. When this returns it is committed.

        ``asked`` is what ``key`` stands for, when it is more than workflow, input and name. Raises PayloadTooLarge,
        InvalidName, NameTaken, and KeyReused when the key has started something else.
        """
        asked = self.asked(latest.name, given, name) if asked is None else asked
        return self.start_wanted(latest, Wanted(given, name, key, asked))

    def start_wanted(self, latest: Latest, wanted: Wanted) -> Started:
        """As ``start``, with all that a caller may want."""
        machine = self.workflows.machine(latest.version_id)
        begin = starting.begin(latest, machine, wanted, _seed(), limits_of(latest.name, self.limits))
        earlier = starting.write(begin, wanted.asked)
        if earlier is not None:
            return Started(earlier)
        self._announce(Effects([one.id for one in begin.tasks if one.status == TaskStatus.QUEUED], bool(begin.timers)))
        return Started(begin.execution.id, begin.execution)

    def asked(self, workflow: str, given: Json, name: str | None = None) -> str:
        """The text of a request to start, by which a repeated one is known."""
        return jsontext.write([workflow, given, name])

    # Advance

    def succeed(
        self, claim: Claimed, result: str, logs: str, may_go_on: Callable[[Claimed], bool], took_ms: int = 0
    ) -> Claimed | None:
        """Take a task's result (JSON text). The claim of the next task, when it was taken in the same commit.

        ``may_go_on`` says of the task that would follow whether this worker may take it at once; ``took_ms`` is how
        long ago the claim was made, by the worker's monotonic clock.
        """
        if claim.token is not None:
            return self._await_answer(claim, result, logs)
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
            claim, lambda at: events.TaskSucceeded(at, _seed(), *_place(claim), output), Outcome("COMPLETED", logs=logs)
        )
        return None

    def read_back(self, claim: Claimed) -> Done[list[Claimed]] | None:
        """Whether the outcome of this claim was taken although nobody said so, and what its owner holds since.

        None: it was not taken. The workers are notified of all that is queued, which the move may not have done.
        """
        with database.connection_context():
            ended = Attempt.get_or_none(Attempt.task_id == claim.id, Attempt.attempt == claim.attempt)
            if ended is None:
                return None
            queued = Task.select(Task.id).where(
                Task.execution_id == claim.execution_id, Task.status == TaskStatus.QUEUED, Task.queued_at.is_null(False)
            )
            self.notifier.notify([task.id for task in queued])
            return Done(queries.held(claim.execution_id, claim.owner))

    def answer(self, token: str, answer: TokenAnswer) -> None:
        """Take the answer of whoever holds a task token. Raises InvalidToken, TaskClosed.

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
        outcome = Outcome(kind, answer.error, answer.cause)
        if not self._advance(task.execution_id, event, TokenGuard(task.id, token), outcome):
            raise TaskClosed()

    def heartbeat(self, token: str) -> None:
        """Ask for longer on behalf of whoever holds a task token. Raises InvalidToken, TaskClosed."""
        task_tokens.beat(token)

    def fail(self, claim: Claimed, error: str, cause: str | None, logs: str) -> None:
        """Take a task's failure: its Retry, its Catch or the execution's end follow."""
        kind = "TIMED_OUT" if error in ("States.Timeout", "Sandbox.Timedout") else "FAILED"
        outcome = Outcome(kind, error, cause, logs)
        self._settle(claim, lambda at: events.TaskFailed(at, _seed(), *_place(claim), error, cause), outcome)

    def fail_unclaimed(self, guard: Guard, execution_id: str, error: str, cause: str | None) -> bool:
        """Fail a task on behalf of a worker that cannot: it is lost, late, or nowhere to be found."""

        def event(at: int, task: Task | None) -> events.Event:
            assert task is not None
            return events.TaskFailed(at, _seed(), task.frame, task.entry, task.attempt, error, cause)

        kind = "TIMED_OUT" if retry.told(error) == retry.TIMEOUT else "LOST"
        return self._advance(execution_id, event, guard, Outcome(kind, error, cause))

    def fire(self, execution_id: str, frame: str, entry: int, number: int, kind: str) -> bool:
        """Let a due timer fire, once: whoever removes its row first."""

        def event(at: int, task: Task | None) -> events.Event | None:
            if kind == commands.EXECUTION:
                return events.ExecutionTimedOut(at, _seed())
            if task is not None:
                return completion.event_of(at, _seed(), task)
            return events.TimerFired(at, _seed(), frame, entry, number)

        if kind == commands.RUN:
            return self._commit(lambda: self._pumped(execution_id, frame, entry))
        guard, outcome = None, None
        if kind == commands.NESTED:
            guard = ParentGuard(task_id(execution_id, number), frame, entry)
            outcome = Outcome("COMPLETED")
        return self._advance(execution_id, event, guard, outcome, (frame, entry, number, kind))

    def _pumped(self, execution_id: str, frame: str, entry: int) -> Effects | None:
        """Look after a map run; None when there is none, or it was looked after meanwhile."""
        if not requests.is_asked_for(execution_id, frame, entry):
            return None
        row = locked(Execution, Execution.id == execution_id)
        if row is None or row.status != Status.IN_PROGRESS:
            requests.forget(execution_id, frame, entry)
            return None
        pumped = pump.pump(row, frame, entry, pump.PumpNeeds(self.workflows, self.limits, self.artifacts, _seed()))
        if pumped is None or pumped.event is None:
            return None if pumped is None else pumped.effects
        return pumped.effects.with_those(self._written(row, pumped.event, 0, loaded=pumped.execution) or Effects())

    def _await_answer(self, claim: Claimed, result: str, logs: str) -> None:
        """The handler has returned; the task stays IN_PROGRESS, nobody's, until its token is answered."""
        guard = Guard(claim.id, claim.attempt, claim.owner)
        with database.connection_context(), transaction():
            row = locked(Execution, Execution.id == claim.execution_id)
            task = None if row is None else locked(Task, *guard.conditions())
            if task is None:
                return self._drop_answered(claim, logs)
            rows.close_attempt(task, "COMPLETED", logs=logs)
            Task.update(owner=None, lease_until=None).where(Task.id == task.id).execute()
            history.append(row, history.submitted(claim, result, self.limits.payload))
            reach("await.before_commit")
        reach("await.after_commit")

    def _drop_answered(self, claim: Claimed, logs: str) -> None:
        """The token was answered before the handler returned: what it printed is kept with its attempt all the same."""
        mine = (Attempt.task_id == claim.id, Attempt.attempt == claim.attempt, Attempt.owner == claim.owner)
        if not Attempt.update(logs=logs).where(*mine, Attempt.logs == "").execute():
            self._drop(claim)

    # Stop

    def cancel(self, execution_id: str) -> None:
        """End an execution as CANCELLED. One that has ended otherwise stays as it is. Raises NotFound, Conflict."""
        if not self.stop(execution_id):
            self._refuse(execution_id, "cancelled", unless=Status.CANCELLED)

    def stop(self, execution_id: str, error: str | None = None, cause: str | None = None) -> bool:
        """End an execution as CANCELLED, for the reason told. False when it had ended, or is not there."""
        return self._advance(execution_id, lambda at, task: events.ExecutionCancelled(at, _seed(), error, cause))

    def redrive(self, execution_id: str, key: str | None = None) -> bool:
        """Let an execution that has ended without success go on where it stood. False when it has not, or runs again.

        It is the one way out of a status that is an end. A ``key`` is kept with it, which tells that it was done.
        """
        return self._commit(lambda: redrives.redriven(execution_id, self.workflows, _seed(), self.limits, key))

    def pause(self, execution_id: str) -> None:
        """Let nothing of an execution be claimed any more; running handlers finish. Raises NotFound, Conflict."""
        self._set_paused(execution_id, True)

    def resume(self, execution_id: str) -> None:
        """Let a paused execution go on. Raises NotFound, Conflict."""
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

    def _go_on(self, finish: Finish, move: hot_path.Move, done: queries.Finished) -> Claimed | None:
        """What this worker does after a move in one statement: the claim that came with it, if one did."""
        if finish.next is not None and not finish.next.claim:
            self.notifier.notify([finish.next.id])
        if finish.run is not None:
            self.notifier.wake_timers()
        return hot_path.next_claim(finish, move, done)

    def _settle(self, claim: Claimed, make: Callable[[int], events.Event], outcome: Outcome) -> None:
        guard = Guard(claim.id, claim.attempt, claim.owner)
        if not self._advance(claim.execution_id, lambda at, task: make(at), guard, outcome):
            self._drop(claim)

    def _drop(self, claim: Claimed) -> None:
        self.counters["fenced_results"] += 1
        log.warning("dropped a late result of task %s, attempt %s", claim.id, claim.attempt)

    def _advance(
        self,
        execution_id: str,
        make: Callable[[int, Task | None], events.Event | None],
        guard: Guard | TokenGuard | ParentGuard | None = None,
        outcome: Outcome | None = None,
        timer: tuple[str, int, int, str] | None = None,
    ) -> bool:
        """Lock, load, decide, write, commit, tell. False when there was nothing that the event fits."""
        _check_id(execution_id)
        return self._commit(lambda: self._moved(execution_id, make, guard, outcome, timer))

    def _commit(self, move: Callable[[], Effects | None]) -> bool:
        """One move in a transaction of its own, told to others when it is committed. False when it changed nothing."""
        with database.connection_context():
            with transaction():
                effects = move()
                reach("advance.before_commit")
            reach("advance.after_commit")
            if effects is not None:
                self._announce(effects)
        return effects is not None

    def _moved(
        self,
        execution_id: str,
        make: Callable[[int, Task | None], events.Event | None],
        guard: Guard | TokenGuard | ParentGuard | None,
        outcome: Outcome | None,
        timer: tuple[str, int, int, str] | None,
    ) -> Effects | None:
        row = locked(Execution, Execution.id == execution_id)
        if timer is not None and not rows.take_timer(execution_id, timer):
            return None
        if row is None or row.status != Status.IN_PROGRESS:
            return None
        task = None if guard is None else locked(Task, *guard.conditions())
        if guard is not None and task is None:
            return None
        event = make(queries.now(), task)
        if event is None:
            return None
        if task is not None and outcome is not None:
            closing = partial(
                rows.close_attempt, task, outcome.kind, error=outcome.error, cause=outcome.cause, logs=outcome.logs
            )
            return self._written(row, event, task.attempt, closing)
        return self._written(row, event, 0 if task is None else task.attempt)

    def _written(
        self,
        row: Execution,
        event: events.Event,
        attempt: int,
        first: Callable[[], None] = lambda: None,
        loaded: execution.Execution | None = None,
    ) -> Effects | None:
        """What the event makes of the execution, written down after what is to be done ``first``; None: nothing."""
        before, move = self._decided(row, event, attempt, loaded)
        if move.execution is before:
            return None
        first()
        effects = rows.save(row, before, move)
        if row.parent is not None and move.execution.status != Status.IN_PROGRESS:
            effects.timers |= completion.tell(row.parent)
        return effects

    def _decided(
        self, row: Execution, event: events.Event, attempt: int, loaded: execution.Execution | None
    ) -> tuple[execution.Execution, Transition]:
        """What becomes of the execution: ``loaded``, or with as few children of its frames as the move needs."""
        machine, path = self.workflows.machine(row.version_id), getattr(event, "frame", "")
        limits = limits_of(row.workflow, self.limits)
        for children in CHILDREN:
            before, loaded = loaded or rows.load(row, path, attempt, children), None
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
    """Take an execution's queued tasks out of everybody's sight, or bring them back and let its map runs go on."""
    queued = Task.update(queued_at=None if paused else clock_sql(), missing_since=None).where(
        Task.execution_id == execution_id, Task.status == TaskStatus.QUEUED
    )
    found = [task.id for task in queued.returning(Task.id).execute()]
    return Effects() if paused else Effects(found, requests.ask_again(execution_id))


def _place(claim: Claimed) -> tuple[str, int, int]:
    return claim.frame, claim.entry, claim.attempt


def _seed() -> int:
    """64 random bits: chance enters here, the core itself throws no dice."""
    return secrets.randbits(64)


def _check_id(execution_id: str) -> None:
    if not is_id(execution_id):
        raise NotFound(f"There is no execution {execution_id[:64]!r}.")
