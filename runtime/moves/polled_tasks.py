"""Activities: workers outside poll for these tasks, do them, and answer by the task token that comes with each.

A polled task is IN_PROGRESS without an owner from its beginning, and no worker of ours is ever notified of it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from stepwell.db.database import database, locked, transaction
from stepwell.db.models import Activity, Execution, Task
from stepwell.db.queries import clock_sql
from stepwell.db.values import HistoryLine
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.definition.resources import task_function
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.moves import completion, history

LOOKED_AT = 10
"""One of this many oldest tasks is taken at random, so that pollers do not wait for each other's locks."""


@dataclass(frozen=True)
class Polled:
    """A task on its way to its poller: the token that answers it, and its input as JSON text."""

    token: str
    input: str


def looked_up(machine: StateMachine) -> StateMachine:
    """The machine, which knows which of its activities are absent now: a Task of one fails as soon as it is entered.

    Most machines have no activity: they cost no query.
    """
    if not machine.activities:
        return machine
    found = {one.name for one in Activity.select(Activity.name).where(Activity.name.in_(machine.activities))}
    return replace(machine, absent=machine.activities - found)


def poll(activity: str, worker: str | None = None) -> Polled | None:
    """Take a waiting task of this activity. None if there is none."""
    free = (Task.status == TaskStatus.IN_PROGRESS, Task.started_at.is_null(), Task.function == task_function(activity))
    with database.connection_context():
        # Found without a lock, then locked one by one: a task that another poller took meanwhile is skipped.
        waiting = list(Task.select(Task.id, Task.execution_id).where(*free).order_by(Task.id).limit(LOOKED_AT))
        random.shuffle(waiting)
        return next((polled for one in waiting if (polled := _take(one, worker)) is not None), None)


def _take(found: Task, worker: str | None) -> Polled | None:
    with transaction():
        own = locked(Execution, Execution.id == found.execution_id)
        if own is None or own.paused or own.status != Status.IN_PROGRESS or not completion.is_wanted(own.parent):
            return None
        # The same condition again, now under the lock: that decides.
        task = locked(Task, Task.id == found.id, Task.status == TaskStatus.IN_PROGRESS, Task.started_at.is_null())
        if task is None:
            return None
        heartbeat = task.heartbeat_seconds
        Task.update(
            attempt=Task.attempt + 1,
            started_at=clock_sql(),
            beat_by=None if heartbeat is None else clock_sql() + round(heartbeat * 1000),
        ).where(Task.id == task.id).execute()
        details = {"task": task.number, "attempt": task.attempt + 1, **({"worker": worker} if worker else {})}
        line = HistoryLine("TaskStarted", task.frame, task.step, jsontext.write(details))
        history.append(own, line)
        return Polled(task.token, task.input)
