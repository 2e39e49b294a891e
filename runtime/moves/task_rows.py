"""The rows of tasks and of their attempts: how each begins, waits again and ends.

All of it runs inside the caller's transaction, which holds the execution's row locked.
"""

from __future__ import annotations

import json
from typing import Any

from peewee import SQL, Case

from stepwell.db.models import Attempt, Execution, Task
from stepwell.db.queries import clock_sql
from stepwell.db.values import FREED, UNOWNED, NewTask
from stepwell.runtime.engine.core import commands
from stepwell.runtime.engine.definition.model import PlannedTask
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.statuses import OPEN_TASKS, TaskStatus
from stepwell.runtime.ids import task_id
from stepwell.runtime.moves.guards import AttemptEnd, TaskAnswer

FREE = dict.fromkeys(FREED)
"""The columns of a task without a holder."""
AWAITING_ANSWER = dict.fromkeys(UNOWNED)
"""The same after the handler's return while the token is not answered: the deadline and the heartbeats go on."""


def dispatched(execution_id: str, command: commands.DispatchTask, data: str = "null") -> NewTask:
    """The row of a task that may be claimed, or that a worker outside may poll. ``data`` is the step's own, as JSON."""
    return NewTask(
        id=task_id(execution_id, command.number),
        number=command.number,
        frame=command.frame,
        entry=command.entry,
        step=command.step,
        function=command.function,
        status=TaskStatus.IN_PROGRESS if command.is_polled else TaskStatus.QUEUED,
        data=data,
        input=jsontext.write(command.input),
        timeout_seconds=command.timeout_seconds,
        token=command.token,
        heartbeat_seconds=command.heartbeat_seconds,
        visit=command.visit,
    )


def planned(execution_id: str, one: PlannedTask, first: commands.DispatchTask | None, idle: TaskStatus) -> NewTask:
    """The row of a step list's step: dispatched if the execution begins with it and runs, else ``idle``."""
    data = jsontext.write(one.data)
    if first is not None and idle == TaskStatus.PENDING:
        return dispatched(execution_id, first, data)
    identity = task_id(execution_id, one.number)
    return NewTask(id=identity, number=one.number, step=one.step, function=one.function, status=idle, data=data)


def dispatch(row: Execution, command: commands.DispatchTask) -> str:
    """Make a task claimable and return its id. Its row may be planned, or left by an earlier try, or missing."""
    made = vars(dispatched(row.id, command))
    # Everything but the identity and the plan's own columns: the row of an earlier try keeps its attempts.
    again = ("status", "frame", "entry", "input", "timeout_seconds", "token", "heartbeat_seconds", "visit")
    queued = {name: made[name] for name in again}
    queued |= {"retries": command.retry, "finished_at": None, "failures": 0}
    queued |= {"queued_at": None if row.paused or command.is_polled else clock_sql(), "missing_since": None}
    if command.is_polled:
        # It is IN_PROGRESS from now on, and no claim will set its deadline.
        seconds = command.timeout_seconds
        due = None if seconds is None else clock_sql() + round(seconds * 1000)
        queued |= {"deadline_at": due, "started_at": None}
    own = {"execution_id": row.id, "workflow_id": row.workflow_id}
    given = {**made, **queued, **own, "created_at": clock_sql()}
    # An upsert: a planned row is there, a retried one is there, a new one is not. The execution's lock keeps others
    # from inserting it meanwhile.
    Task.insert(given).on_conflict(conflict_target=[Task.id], update=queued).execute()
    return str(made["id"])


def settle(execution_id: str, command: commands.Command) -> None:
    """Write the end of a task's attempt: it is done, has failed, or waits for a retry. Ignores other commands."""
    changes: dict[str, Any]
    if isinstance(command, commands.CompleteTask):
        changes = {"status": TaskStatus.COMPLETED, "result": jsontext.write(command.result)}
        changes |= {"error": None, "cause": None}
    elif isinstance(command, commands.FailTask):
        changes = {"status": TaskStatus.FAILED, "error": command.error, "cause": command.cause}
    elif isinstance(command, commands.HoldTask):
        changes = {"status": TaskStatus.PENDING, "error": command.error, "cause": command.cause}
        changes |= {"retries": command.retry}
    else:
        return
    if changes["status"] != TaskStatus.PENDING:
        changes["finished_at"] = clock_sql()
    Task.update(**changes, **FREE).where(Task.id == task_id(execution_id, command.number)).execute()


def put_off(task_id: str, delay_ms: int) -> int:
    """Let all that is due of an open task be due again after a delay, which doubles each time. Returns the count."""
    later = clock_sql() + delay_ms * SQL("(1 << failures)")
    due = (Task.queued_at, Task.lease_until, Task.deadline_at, Task.beat_by)
    changes = {one: Case(None, [(one.is_null(False), later)]) for one in due}
    mine = Task.id == task_id, Task.status.in_(OPEN_TASKS)
    counted = Task.update({**changes, Task.failures: Task.failures + 1}).where(*mine).returning(Task.failures)
    return sum(one.failures for one in counted.execute())


def keep_answer(task: Task, answer: TaskAnswer) -> None:
    """Keep the end of a task in its row until it can be taken. Nobody holds the task meanwhile, and nothing is due."""
    result = jsontext.write(answer.output) if answer.error is None else None
    # Without its token: a second answer comes too late, although this one is not taken yet.
    kept = {"result": result, "error": answer.error, "cause": answer.cause, "token": None}
    Task.update(**kept, **FREE).where(Task.id == task.id).execute()


def kept_answer(task: Task) -> TaskAnswer:
    """The end that ``keep_answer`` has kept."""
    return TaskAnswer(None if task.result is None else json.loads(task.result), task.error, task.cause)


def close_attempt(task: Task, end: AttemptEnd) -> None:
    """Keep how a claim of a task ended; nothing is written without a claim.

    A claim that is LOST is a loss of its task: both are written together, so each is counted once.
    """
    if task.owner is None:
        return
    Attempt.insert(
        task_id=task.id,
        attempt=task.attempt,
        owner=task.owner,
        outcome=end.outcome,
        error=end.error,
        cause=end.cause,
        logs=end.logs,
        started_at=task.started_at,
        finished_at=clock_sql(),
    ).execute()
    if end.outcome == "LOST":
        Task.update(losses=Task.losses + 1).where(Task.id == task.id).execute()
