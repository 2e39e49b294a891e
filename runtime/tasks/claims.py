"""Claims, leases and gives back tasks, and takes over lost ones. Attempt, owner and status guard each change."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from peewee import fn

from stepwell.db import queries
from stepwell.db.database import database, transaction
from stepwell.db.function_models import StoredFunction
from stepwell.db.models import Execution, Task, Worker
from stepwell.db.queries import clock_sql
from stepwell.db.values import Claimed, QueuedTask
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.definition.model import TaskState
from stepwell.runtime.engine.definition.resources import QUALIFIED_BY
from stepwell.runtime.engine.values.statuses import TaskStatus
from stepwell.runtime.executions import Executions
from stepwell.runtime.ids import execution_of, is_id
from stepwell.runtime.mover.mover import MOST_FAILURES, PUT_OFF_MS
from stepwell.runtime.moves import completion, task_rows
from stepwell.runtime.moves.guards import AttemptEnd, Guard, OverdueGuard, locked_task
from stepwell.runtime.outage import is_outage, one_by_one
from stepwell.runtime.settings import Settings
from stepwell.runtime.tasks.waiting import WaitingWorkflows

log = logging.getLogger("stepwell.tasks")

MOST_LOSSES = 3
"""Every third loss fails the task. If its Retry tries it again, it may be lost three times more."""
MISSING_RETRY_MS = 5_000
"""How long a task waits after a worker without its function has tried to claim it."""
MISSING_FOR_MS = 5 * 60_000
"""How long no living worker may have a task's function before the task fails."""
WORKERS_KEPT_MS = 24 * 3600 * 1000
"""Age at which the row of a worker that reports no more is deleted."""
OVERDUE_GRACE_MS = 2_000
"""How long after a task's time-out the sweep fails it: its own worker should do that first."""
NOTIFY_AGAIN_MS, NOTIFIED_AT_ONCE = 5_000, 10_000
"""Age at which a task without a message is notified of again, and how many tasks at a time."""
WORKFLOWS_AT_ONCE = 1_000
"""How many workflows a sweep looks at for such tasks."""


class Claims:
    """The tasks of one worker process. ``owner`` is its name in the rows, new at each start."""

    def __init__(self, executions: Executions, functions: Collection[str], owner: str, settings: Settings) -> None:
        self.executions = executions
        self.functions = sorted(functions)
        self.owner = owner
        self.lease_ms = round(settings.lease_seconds * 1000)
        self._workflows = WaitingWorkflows()

    def claim(self, task_id: str, often_lost: bool = True) -> Claimed | None:
        """Claim a queued task for this process. None when it cannot be claimed, for any reason.

        ``often_lost`` False leaves a task that was lost often to others, or for later.
        """
        if not is_id(task_id):
            return None
        with database.connection_context():
            # No transaction here: on PostgreSQL the claim is one statement that commits by itself.
            reach("claim.before_commit")
            try:
                claim = queries.claim(task_id, self.owner, self.lease_ms, self.functions, often_lost)
            except Exception as fault:
                if is_outage(fault):
                    raise
                self._put_off(task_id, "claim", fault)
                return None
            reach("claim.after_commit")
        return self._refused(task_id, often_lost) if claim is None else claim

    def held(self, task_id: str) -> list[Claimed]:
        """This process's claim of a task by the rows: none, or one that a broken connection may have hidden from it."""
        with database.connection_context():
            mine = queries.held(execution_of(task_id), self.owner)
        return [claim for claim in mine if claim.id == task_id]

    def heartbeat(self, held: Sequence[Claimed]) -> set[tuple[str, int]]:
        """Renew the leases of these claims. Returns (task id, attempt) of those that are still this process's.

        ``held`` are the claims that it works on. The lease of any other claim runs out, and others take the task.
        """
        if not held:
            return set()
        with database.connection_context():
            return queries.heartbeat(self.owner, self.lease_ms, [(claim.id, claim.attempt) for claim in held])

    def give_back(self, claim: Claimed, logs: str = "") -> bool:
        """Queue a task again for others, without a loss or a retry. False when the claim no longer holds."""
        with database.connection_context(), transaction():
            execution, task = locked_task(claim.execution_id, Guard(claim.id, claim.attempt, self.owner))
            if task is None:
                return False
            task_rows.close_attempt(task, AttemptEnd("RETURNED", logs=logs))
            _queue_again(task, execution)
            reach("return.before_commit")
        reach("return.after_commit")
        self.executions.notifier.notify([QueuedTask(claim.id, claim.workflow_id)])
        return True

    def sweep(self) -> None:
        """Settle tasks with lost leases, tasks past their time-out, and tasks with an overdue heartbeat."""
        with database.connection_context():
            lost = queries.lost_tasks()
            overdue = queries.overdue_tasks(OVERDUE_GRACE_MS)
            unheard = queries.tasks_without_heartbeat()
        for found in (lost, overdue, unheard):
            random.shuffle(found)  # so that processes which see the same tasks do not queue for the same rows
        for name, settle, found in (
            ("lost lease", self._lose, lost),
            ("time-out", self._time_out, overdue),
            ("overdue heartbeat", self._time_out_heartbeat, unheard),
        ):
            one_by_one(name, [partial(self._settled, name, settle, one) for one in found])

    def _settled(self, name: str, settle: Callable[..., None], found: tuple[str, str, int, str]) -> None:
        """Settle a task that a sweep has found; put it off if that fails, so that no later sweep fails with it."""
        try:
            settle(*found)
        except Exception as fault:
            if is_outage(fault):
                raise
            self._put_off(found[0], name, fault)

    def _put_off(self, task_id: str, name: str, fault: Exception) -> None:
        """Put off all that is due of a task, because it has failed. With the last failure the task's execution ends."""
        log.error("task %s: its %s failed and is put off", task_id, name, exc_info=fault)
        with database.connection_context(), transaction():
            failures = task_rows.put_off(task_id, PUT_OFF_MS)
        if failures >= MOST_FAILURES:
            cause = f"A task's {name} failed {failures} times ({type(fault).__name__}); the log shows why."
            self.executions.end(execution_of(task_id), cause)

    def unclaimed(self, heads: Mapping[str, str] | None) -> list[QueuedTask]:
        """Tasks with a lost message, oldest first.

        ``heads`` are the tasks in the next messages, by workflow: empty for a message that names no task, None for all
        when they are unknown. The queue keeps the order of a workflow's messages, so it has lost those of tasks that
        wait longer than the workflow's head.
        """
        if heads is None:
            return []
        with database.connection_context():
            workflows = {one: heads.get(one) for one in self._workflows.next(WORKFLOWS_AT_ONCE) if heads.get(one) != ""}
            most = NOTIFIED_AT_ONCE // max(1, len(workflows))
            return queries.waiting_tasks(workflows, NOTIFY_AGAIN_MS, most)

    def _lose(self, task_id: str, execution_id: str, attempt: int, owner: str) -> None:
        """Settle a task after its lease has run out: queue it again, or fail it after too many losses."""
        guard = Guard(task_id, attempt, owner)
        with database.connection_context(), transaction():
            # An execution that another move holds has its turn in a later sweep.
            execution, task = locked_task(execution_id, guard, skip_locked=True)
            # Read again under the lock: a heartbeat may have renewed the lease since the sweep's SELECT.
            if task is None or (task.lease_until or 0) >= queries.now():
                return
            losses = task.losses + 1
            # A task that is lost too often fails in a transaction of its own below, which writes the last attempt too.
            is_too_often = losses % MOST_LOSSES == 0
            if not is_too_often:
                task_rows.close_attempt(task, AttemptEnd("LOST"))
                _queue_again(task, execution)
            reach("lose.before_commit")
        reach("lose.after_commit")
        log.warning("task %s: worker %s was lost in attempt %s (loss %s)", task_id, owner, attempt, losses)
        if is_too_often:
            cause = f"WorkerLost: {losses} workers were lost while they ran this task"
            self.executions.fail_unclaimed(guard, execution_id, "States.TaskFailed", cause)
        else:
            self.executions.notifier.notify([QueuedTask(task_id, execution.workflow_id)])

    def _time_out(self, task_id: str, execution_id: str, attempt: int, owner: str | None) -> None:
        self.executions.fail_unclaimed(Guard(task_id, attempt, owner), execution_id, "States.Timeout", "")

    def _time_out_heartbeat(self, task_id: str, execution_id: str, attempt: int, owner: str | None) -> None:
        self.executions.fail_unclaimed(
            OverdueGuard(task_id, attempt, owner), execution_id, "States.HeartbeatTimeout", None
        )

    def present(self) -> None:
        """Write that this worker lives, and which functions it has, for the other workers."""
        # The row is never locked by a move, so presence costs the hot path nothing.
        row = {"owner": self.owner, "functions": json.dumps(self.functions), "seen_at": clock_sql()}
        with database.connection_context(), transaction():
            Worker.insert(row).on_conflict(conflict_target=[Worker.owner], update={"seen_at": clock_sql()}).execute()
            Worker.delete().where(Worker.seen_at < clock_sql() - WORKERS_KEPT_MS).execute()

    def leave(self) -> None:
        """Delete this worker's row: it has ended."""
        with database.connection_context(), transaction():
            Worker.delete().where(Worker.owner == self.owner).execute()

    def _refused(self, task_id: str, often_lost: bool) -> Claimed | None:
        """Look why a queued task could not be claimed, and do what keeps it from being refused again and again.

        A function that data has named, and that is nowhere, is claimed all the same: its run finds that out, as on AWS.

        Tasks that are paused, taken, or were lost often are left alone.
        """
        with database.connection_context():
            task = Task.get_or_none(Task.id == task_id, Task.status == TaskStatus.QUEUED, Task.queued_at.is_null(False))
            if task is None:
                return None
            parent = Execution.select(Execution.parent).where(Execution.id == task.execution_id).scalar()
            is_wanted, is_here = completion.is_wanted(parent), self._is_here(task.function)
        if not is_wanted:
            # The sweep stops some at a time; those whose turn comes meanwhile are stopped instead of being run.
            self.executions.stop(task.execution_id)
        elif not is_here:
            return self._missing(task, often_lost)
        return None

    def _missing(self, task: Task, often_lost: bool) -> Claimed | None:
        """Postpone a queued task that this worker lacks the function for, or claim it if nobody can have the function.

        The task fails when no living worker has had the function for MISSING_FOR_MS.
        """
        with database.connection_context():
            is_served = self._is_served(task.function)
            if not is_served and self._is_named_by_data(task):
                functions = [*self.functions, task.function.partition(QUALIFIED_BY)[0]]
                return queries.claim(task.id, self.owner, self.lease_ms, functions, often_lost)
            since = None if is_served else fn.COALESCE(Task.missing_since, clock_sql())
            with transaction():
                # ``queued_at`` as it was read: if another worker postponed or claimed the task meanwhile, nothing
                # changes.
                Task.update(missing_since=since, queued_at=clock_sql() + MISSING_RETRY_MS).where(
                    Task.id == task.id, Task.status == TaskStatus.QUEUED, Task.queued_at == task.queued_at
                ).execute()
            waited = 0 if is_served or task.missing_since is None else queries.now() - task.missing_since
        log.warning("task %s needs the function %r, which this worker does not have", task.id, task.function)
        if waited > MISSING_FOR_MS:
            guard = Guard(task.id, task.attempt, task.owner, TaskStatus.QUEUED)
            cause = f"FunctionMissing: no worker has the function {task.function!r}"
            self.executions.fail_unclaimed(guard, task.execution_id, "States.TaskFailed", cause)
        return None

    def _is_named_by_data(self, task: Task) -> bool:
        """True if the name of a task's function came from its execution's data: no deployment is waited for then."""
        version = Execution.select(Execution.version_id).where(Execution.id == task.execution_id).scalar()
        state = self.executions.workflows.machine(str(version)).find(task.step)
        return isinstance(state, TaskState) and state.names_by_data

    def _is_here(self, function: str) -> bool:
        """True if this worker has the function, in a file or stored. The run itself finds a version that is missing."""
        name = function.partition(QUALIFIED_BY)[0]
        return name in self.functions or StoredFunction.select().where(StoredFunction.name == name).exists()

    def _is_served(self, function: str) -> bool:
        """True if a living worker has this function."""
        # Three leases: a worker that skips a turn or two in an outage still counts as living.
        living = Worker.select(Worker.functions).where(Worker.seen_at > clock_sql() - 3 * self.lease_ms)
        name = function.partition(QUALIFIED_BY)[0]
        return any(name in json.loads(worker.functions) for worker in living)


def _queue_again(task: Task, execution: Execution) -> None:
    Task.update(
        status=TaskStatus.QUEUED,
        queued_at=None if execution.paused else clock_sql(),
        missing_since=None,
        **task_rows.FREE,
    ).where(Task.id == task.id).execute()
