"""Starts, shows and stops executions for the REST endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from peewee import fn

from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution, History, Task, Workflow
from stepwell.db.pages import newest
from stepwell.db.values import IdempotencyKey
from stepwell.functions.contract import Json, Page, page_of
from stepwell.functions.contract.rest import (
    EXECUTION_STATUSES,
    ExecutionPart,
    ExecutionRow,
    ExecutionView,
    HistoryView,
)
from stepwell.functions.errors import NotFound
from stepwell.runtime.api import views
from stepwell.runtime.api.listing import counted, cursor_value, newest_first
from stepwell.runtime.engine.values.statuses import TaskStatus
from stepwell.runtime.executions import Executions
from stepwell.runtime.ids import is_id
from stepwell.runtime.moves import start as starting
from stepwell.runtime.moves import start_keys
from stepwell.runtime.moves.start import Started, Wanted
from stepwell.runtime.workflows import Workflows

FLOWS = "/flows"
"""Replaces the workflow name in the idempotency text of a flow. No workflow can have this name."""


class ExecutionsApi:
    """The executions as ``functions.contract.rest`` promises them."""

    def __init__(self, executions: Executions, workflows: Workflows) -> None:
        self._executions = executions
        self._workflows = workflows

    def start(
        self, workflow: str, input: Json, *, name: str | None = None, idempotency_key: str | None = None
    ) -> ExecutionRow:
        key = starting.key_of(start_keys.of_client(idempotency_key), [workflow, input, name])
        if earlier := self._started_by(key):
            return earlier
        latest = self._workflows.latest(workflow)
        return self._begun(self._executions.start(latest, Wanted(input, name, key)))

    def start_flow(self, tree: Json, *, idempotency_key: str | None = None) -> ExecutionRow:
        key = starting.key_of(start_keys.of_client(idempotency_key), [FLOWS, tree, None])
        if earlier := self._started_by(key):
            return earlier
        latest = self._workflows.create_flow(tree)
        return self._begun(self._executions.start(latest, Wanted({}, key=key)))

    def get(self, execution_id: str) -> ExecutionView:
        with database.connection_context():
            row = _execution(execution_id)
            tasks = list(_tasks_of(row))
        return views.execution_view(row, [views.task_view(task, row.workflow) for task in tasks])

    def part(self, execution_id: str, *, skip: int, limit: int, attempts: int) -> ExecutionPart:
        with database.connection_context():
            row = _execution(execution_id)
            total, completed = _tally(row)
            tasks = list(_tasks_of(row).offset(skip).limit(limit))
            logs = _latest_attempts(tasks, attempts)
        shown = [views.task_view(one, row.workflow, views.attempt_views(one, logs[one.id])) for one in tasks]
        return ExecutionPart(views.execution_view(row, shown), total, completed)

    def list(self, *, workflow: str | None, status: str | None, limit: int, cursor: str | None) -> Page[ExecutionRow]:
        query = Execution.select(*views.EXECUTION_COLUMNS)
        of_status = [] if status is None else [(Execution.status, status)]
        with database.connection_context():
            if workflow is None:
                query = query if status is None else query.where(Execution.status == status)
                return newest_first(query, Execution.id, limit, cursor, views.execution_row)
            # The id and not a subquery, so that the planner knows how rare this workflow's executions are.
            named = Workflow.select(Workflow.id).where(Workflow.name == workflow).scalar()
            if named is None:
                return Page([])
            behind = None if cursor is None else cursor_value(Execution.id, cursor)
            query = newest(query, [(Execution.workflow_id, named), *of_status], Execution.id, behind)
            return page_of(list(query.limit(limit + 1)), limit, lambda row: row.id, views.execution_row)

    def history(self, execution_id: str, *, after: int, limit: int) -> Page[HistoryView]:
        with database.connection_context():
            row = _execution(execution_id)
            lines = list(
                History.select()
                .where(History.execution_id == row.id, History.id > after)
                .order_by(History.id)
                .limit(limit + 1)
            )
        return page_of(lines, limit, lambda line: line.id, views.history_view)

    def cancel(self, execution_id: str) -> ExecutionRow:
        self._executions.cancel(execution_id)
        return self._summary(execution_id)

    def pause(self, execution_id: str) -> ExecutionRow:
        self._executions.pause(execution_id)
        return self._summary(execution_id)

    def resume(self, execution_id: str) -> ExecutionRow:
        self._executions.resume(execution_id)
        return self._summary(execution_id)

    def counts(self) -> Mapping[str, int]:
        with database.connection_context():
            return {status: counted(Execution, Execution.status == status) for status in EXECUTION_STATUSES}

    def _started_by(self, key: IdempotencyKey | None) -> ExecutionRow | None:
        """The execution that an earlier request with this key started, even if the workflow is gone by now."""
        earlier = None if key is None else starting.started_by(key)
        return None if earlier is None else self._summary(earlier)

    def _begun(self, started: Started) -> ExecutionRow:
        """The row of a new execution. It is not read again: the start knows what it has written."""
        return self._summary(started.id) if started.own is None else views.begun_row(started.own)

    def _summary(self, execution_id: str) -> ExecutionRow:
        with database.connection_context():
            return views.execution_row(_execution(execution_id, *views.EXECUTION_COLUMNS))


def _execution(execution_id: str, *columns: Any) -> Execution:
    """The row of an execution, or these columns of it. Raises NotFound."""
    known = is_id(execution_id)
    row: Execution | None = Execution.select(*columns).where(Execution.id == execution_id).first() if known else None
    if row is None:
        raise NotFound(f"There is no execution {execution_id[:64]!r}.")
    return row


def _tasks_of(row: Execution) -> Any:
    return Task.select().where(Task.execution_id == row.id).order_by(Task.number)


def _tally(row: Execution) -> tuple[int, int]:
    """The number of an execution's tasks, and of those that are completed."""
    count = fn.COUNT(Task.id)
    counted: Any = Task.select(Task.status, count).where(Task.execution_id == row.id).group_by(Task.status)
    found: dict[str, int] = dict(counted.tuples())
    return sum(found.values()), found.get(TaskStatus.COMPLETED, 0)


def _latest_attempts(tasks: Sequence[Task], most: int) -> Mapping[str, Sequence[Attempt]]:
    """The first attempt and the last ``most`` attempts of each task, by the task's id."""
    query = Attempt.select().join(Task, on=(Task.id == Attempt.task_id)).order_by(Attempt.task_id, Attempt.attempt)
    wanted = (Attempt.attempt == 1) | (Attempt.attempt > Task.attempt - most)
    found: dict[str, list[Attempt]] = {task.id: [] for task in tasks}
    for one in query.where(Attempt.task_id.in_(list(found)), wanted) if found else ():
        found[one.task_id].append(one)
    return found
