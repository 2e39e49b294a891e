"""Shows tasks to the REST endpoints, and answers those that wait for a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peewee import SQL

from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution, Task
from stepwell.functions.contract import Json, Page
from stepwell.functions.contract.rest import (
    OPEN_TASK_STATUSES,
    TaskRow,
    TaskView,
)
from stepwell.functions.errors import NotFound
from stepwell.runtime.api import views
from stepwell.runtime.api.listing import counted, newest_first
from stepwell.runtime.engine.values.statuses import TaskStatus
from stepwell.runtime.executions import Executions
from stepwell.runtime.ids import is_id
from stepwell.runtime.moves.guards import TaskAnswer


class TasksApi:
    """The tasks as ``functions.contract.rest`` promises them."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions

    def get(self, task_id: str) -> TaskView:
        with database.connection_context():
            task = Task.get_or_none(Task.id == task_id) if is_id(task_id) else None
            if task is None:
                raise NotFound(f"There is no task {task_id[:64]!r}.")
            workflow = Execution.get_by_id(task.execution_id).workflow
            ended = list(Attempt.select().where(Attempt.task_id == task.id).order_by(Attempt.attempt))
        return views.task_view(task, workflow, views.attempt_views(task, ended))

    def list(self, *, status: str | None, limit: int, cursor: str | None) -> Page[TaskRow]:
        query = Task.select(*views.TASK_COLUMNS, Execution.workflow.alias("workflow")).join(
            Execution, on=(Execution.id == Task.execution_id)
        )
        order: Any = Task.id
        if status is not None:
            query = query.where(_has_status(status))
            # The index of failed tasks has their order. Open tasks are few, so they are sorted; ordered by the bare
            # column, SQLite would walk through all tasks instead of sorting those few.
            order = Task.id if status == TaskStatus.FAILED else Task.id.cast("TEXT")
        with database.connection_context():
            return newest_first(query.objects(), Task.id, limit, cursor, _task_row, order)

    def counts(self) -> Mapping[str, int]:
        with database.connection_context():
            return {status: counted(Task, _has_status(status)) for status in OPEN_TASK_STATUSES}

    def succeed(self, token: str, output: Json) -> None:
        self._executions.answer(token, TaskAnswer(output))

    def fail(self, token: str, error: str | None, cause: str | None) -> None:
        self._executions.answer(token, TaskAnswer(error=error or "States.TaskFailed", cause=cause))

    def heartbeat(self, token: str) -> None:
        self._executions.heartbeat(token)


def _task_row(row: Any) -> TaskRow:
    return views.task_row(row, row.workflow)


def _has_status(status: str) -> Any:
    """The condition that a task has this status, with the status as a literal.

    With a parameter SQLite would not see that a partial index fits.
    """
    assert status in OPEN_TASK_STATUSES
    return Task.status == SQL(f"'{status}'")
