"""Activities: tasks that somebody outside asks for, works on, and answers by the task token that comes with each.

Such a task is IN_PROGRESS from its beginning, nobody's, and no worker of ours is ever rung for it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from stepwell.db.database import database, locked, transaction
from stepwell.db.models import Execution, Task
from stepwell.db.queries import clock_sql
from stepwell.db.values import Line
from stepwell.runtime.engine.definition.resources import task_function
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.moves import history

LOOKED_AT = 10
"""Of so many of the oldest tasks one is taken by chance: those who ask at once shall not wait for each other."""


@dataclass(frozen=True)
class Given:
    """A task on its way to who asked: the token that answers it, and its input as JSON text."""

    token: str
    input: str


def ask(activity: str, worker: str | None = None) -> Given | None:
    """A task of this activity that nobody works on, which is the asker's now; None when there is none."""
    free = (Task.status == TaskStatus.IN_PROGRESS, Task.started_at.is_null(), Task.function == task_function(activity))
    with database.connection_context():
        waiting = list(Task.select(Task.id, Task.execution_id).where(*free).order_by(Task.id).limit(LOOKED_AT))
        random.shuffle(waiting)
        return next((given for one in waiting if (given := _take(one, worker)) is not None), None)


def _take(found: Task, worker: str | None) -> Given | None:
    with transaction():
        own = locked(Execution, Execution.id == found.execution_id)
        if own is None or own.paused or own.status != Status.IN_PROGRESS:
            return None
        task = locked(Task, Task.id == found.id, Task.status == TaskStatus.IN_PROGRESS, Task.started_at.is_null())
        if task is None:
            return None
        silence = task.heartbeat_seconds
        Task.update(
            attempt=Task.attempt + 1,
            started_at=clock_sql(),
            beat_by=None if silence is None else clock_sql() + round(silence * 1000),
        ).where(Task.id == task.id).execute()
        said = {"task": task.number, "attempt": task.attempt + 1, **({"worker": worker} if worker else {})}
        line = Line("TaskStarted", task.frame, task.step, jsontext.write(said))
        history.append(own, line)
        return Given(task.token, task.input)
