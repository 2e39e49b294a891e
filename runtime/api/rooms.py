"""What an API handler is handed: the rooms of ``functions/contract.py``, over the door, the rows and the sandbox."""

from __future__ import annotations

import json
import mimetypes
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from peewee import SQL, fn

from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution, History, Task, Version, Workflow
from stepwell.db.pages import newest
from stepwell.functions.contract import (
    EXECUTION_STATUSES,
    OPEN_TASK_STATUSES,
    ExecutionPart,
    ExecutionRow,
    ExecutionView,
    FunctionView,
    HistoryView,
    Page,
    TaskRow,
    TaskView,
    WorkflowRow,
    WorkflowView,
    page_of,
)
from stepwell.functions.contract.function_names import Reference
from stepwell.functions.errors import InvalidCursor, NotFound, PayloadTooLarge, TooManyRequests, Unavailable
from stepwell.runtime.api import views
from stepwell.runtime.catalog.catalog import Catalog, Function
from stepwell.runtime.catalog.openapi import document
from stepwell.runtime.engine.values import jsontext, names
from stepwell.runtime.engine.values.statuses import TaskStatus
from stepwell.runtime.executions import Executions
from stepwell.runtime.ids import is_id, new_id
from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation, Target
from stepwell.runtime.lambdas import functions
from stepwell.runtime.lambdas.functions import Functions
from stepwell.runtime.moves import start as starting
from stepwell.runtime.moves.guards import TokenAnswer
from stepwell.runtime.moves.start import Started
from stepwell.runtime.workflows import Workflows, machine_document

Json = Any

COUNTED = 10_000
INVOCATIONS = 4
INVOCATION_SECONDS = 30.0
FLOWS = "/flows"
"""Stands for the workflow in what a tree's key is good for: none has this name, so no other request is the same."""


class ExecutionRoom:
    def __init__(self, executions: Executions, workflows: Workflows) -> None:
        self._executions = executions
        self._workflows = workflows

    def start(
        self, workflow: str, input: Json, *, name: str | None = None, idempotency_key: str | None = None
    ) -> ExecutionRow:
        asked = self._executions.asked(workflow, input, name)
        if earlier := self._started_by(idempotency_key, asked):
            return earlier
        latest = self._workflows.latest(workflow)
        return self._begun(self._executions.start(latest, input, name, idempotency_key, asked))

    def start_flow(self, tree: Json, *, idempotency_key: str | None = None) -> ExecutionRow:
        asked = self._executions.asked(FLOWS, tree)
        if earlier := self._started_by(idempotency_key, asked):
            return earlier
        latest = self._workflows.create_flow(tree)
        return self._begun(self._executions.start(latest, {}, None, idempotency_key, asked))

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
                return _newest_first(query, Execution.id, limit, cursor, views.execution_row)
            # The id and not a subquery: so the planner knows how rare this workflow's executions are.
            named = Workflow.select(Workflow.id).where(Workflow.name == workflow).scalar()
            if named is None:
                return Page([])
            behind = None if cursor is None else _cursor_value(Execution.id, cursor)
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
            return {status: _count(Execution, Execution.status == status) for status in EXECUTION_STATUSES}

    def _started_by(self, key: str | None, asked: str) -> ExecutionRow | None:
        """What a repeated request has started before: known by its key alone, whatever has become of the workflow."""
        earlier = None if key is None else starting.started_by(key, asked)
        return None if earlier is None else self._summary(earlier)

    def _begun(self, started: Started) -> ExecutionRow:
        """What was written is not read again: the answer stands when the commit does."""
        return self._summary(started.id) if started.own is None else views.begun_row(started.own)

    def _summary(self, execution_id: str) -> ExecutionRow:
        with database.connection_context():
            return views.execution_row(_execution(execution_id, *views.EXECUTION_COLUMNS))


class WorkflowRoom:
    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows

    def create(self, name: str, definition: Json) -> WorkflowView:
        stored = self._workflows.create(name, definition)
        return views.workflow_view(name, stored, self._workflows.warnings(definition))

    def get(self, name: str) -> WorkflowView:
        return views.workflow_view(name, self._workflows.newest(name))

    def machine(self, name: str) -> Json:
        return machine_document(self._workflows.newest(name))

    def list(self, *, limit: int, cursor: str | None) -> Page[WorkflowRow]:
        query = (
            Version.select(*views.WORKFLOW_COLUMNS, Workflow.name.alias("named"))
            .join(Workflow, on=(Workflow.id == Version.workflow_id))
            .where(Workflow.deleted_at.is_null(), Version.number == Workflow.latest)
        )
        if cursor is not None:
            query = query.where(Workflow.name > _workflow_cursor(cursor))
        with database.connection_context():
            rows = list(query.order_by(Workflow.name).limit(limit + 1).objects())
        return page_of(rows, limit, lambda row: row.named, lambda row: views.workflow_row(row.named, row))

    def versions(self, name: str, *, limit: int, cursor: str | None) -> Page[WorkflowView]:
        newest = self._workflows.newest(name)
        query = Version.select(*views.WORKFLOW_COLUMNS, Version.definition).where(
            Version.workflow_id == newest.workflow_id
        )
        with database.connection_context():
            return _newest_first(query, Version.number, limit, cursor, lambda row: views.workflow_view(name, row))

    def delete(self, name: str) -> None:
        self._workflows.delete(name)


class TaskRoom:
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
        order = Task.id
        if status is not None:
            query = query.where(_stands_in(status))
            # Of those that failed the index has the order. Those that are open are few and sorted; by the bare column
            # SQLite would rather walk through all tasks there are than sort.
            order = Task.id if status == TaskStatus.FAILED else Task.id.cast("TEXT")
        with database.connection_context():
            return _newest_first(query.objects(), Task.id, limit, cursor, _task_row, order)

    def counts(self) -> Mapping[str, int]:
        with database.connection_context():
            return {status: _count(Task, _stands_in(status)) for status in OPEN_TASK_STATUSES}

    def succeed(self, token: str, output: Json) -> None:
        self._executions.answer(token, TokenAnswer(output))

    def fail(self, token: str, error: str | None, cause: str | None) -> None:
        self._executions.answer(token, TokenAnswer(error=error or "States.TaskFailed", cause=cause))

    def heartbeat(self, token: str) -> None:
        self._executions.heartbeat(token)


class FunctionRoom:
    """Invocations hold a thread of the web process each: few at a time, and none for long, so that others are free."""

    def __init__(self, catalog: Catalog, functions: Functions, invoker: Invoker | InProcessInvoker) -> None:
        self._catalog = catalog
        self._functions = functions
        self._invoker = invoker
        self._free = threading.BoundedSemaphore(INVOCATIONS)

    def list(self) -> Sequence[FunctionView]:
        return [*(function.view() for function in self._catalog.functions), *functions.views()]

    def invoke(self, name: str, event: Json) -> Mapping[str, Json]:
        target = self._target(name)
        outcome = target if isinstance(target, Outcome) else self._run(target, event)
        ended = {"logs": outcome.logs, "seconds": outcome.seconds}
        if outcome.error is not None:
            return {"error": outcome.error, "cause": outcome.cause, **ended}
        return {"result": json.loads(outcome.result or "null"), **ended}

    def _target(self, name: str) -> Target | Outcome:
        """A step type, or a function made over Lambda's API. Raises NotFound."""
        step = self._catalog.steps.get(name)
        found = self._functions.stored(Reference(name)) if step is None else _target(step)
        if found is None:
            raise NotFound(f"There is no step function {name[:80]!r}.")
        return found

    def _run(self, target: Target, event: Json) -> Outcome:
        if not self._free.acquire(blocking=False):
            raise TooManyRequests(f"This process runs {INVOCATIONS} functions already.")
        try:
            identity, text = new_id(), jsontext.write(event)
            return self._invoker.run(Invocation(target, text, identity, identity, INVOCATION_SECONDS))
        finally:
            self._free.release()

    def openapi(self) -> Mapping[str, Json]:
        return document(self._catalog)


class ArtifactRoom:
    def __init__(self, directory: Path, limit: int) -> None:
        self._directory = directory
        self._limit = limit

    def read(self, key: str) -> tuple[bytes, str]:
        root = self._directory.resolve()
        try:
            path = (root / key).resolve()
            if not path.is_relative_to(root) or not path.is_file():
                raise NotFound(f"There is no artifact {key[:200]!r}.")
            if (size := path.stat().st_size) > self._limit:
                raise PayloadTooLarge(f"The artifact has {size} bytes; more than {self._limit} are not served.")
            return path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        except (OSError, ValueError, RuntimeError):  # the last is what pathlib says of a link that leads to itself
            raise NotFound(f"There is no artifact {key[:200]!r}.") from None


class HealthRoom:
    def __init__(self, queue_depth: Callable[[], int | None], counted: Callable[[], Mapping[str, int]]) -> None:
        self._queue_depth = queue_depth
        self._counted = counted

    def ready(self) -> Mapping[str, str | int]:
        """The database must answer; without the queue the work goes on, slower, and so that is said, not refused."""
        with database.connection_context():
            if not Workflow.table_exists():
                raise Unavailable("The database has no tables yet: run python -m stepwell.db.migrate.")
        return {"database": "ok", "queue": "away" if self._queue_depth() is None else "ok", **self._counted()}


def _execution(execution_id: str, *columns: Any) -> Execution:
    """The row of an execution, or these columns of it. Raises NotFound."""
    known = is_id(execution_id)
    row = Execution.select(*columns).where(Execution.id == execution_id).first() if known else None
    if row is None:
        raise NotFound(f"There is no execution {execution_id[:64]!r}.")
    return row


def _tasks_of(row: Execution) -> Any:
    return Task.select().where(Task.execution_id == row.id).order_by(Task.number)


def _tally(row: Execution) -> tuple[int, int]:
    """How many tasks an execution has, and how many of them are completed."""
    count = fn.COUNT(Task.id)
    counted = Task.select(Task.status, count).where(Task.execution_id == row.id).group_by(Task.status)
    found = dict(counted.tuples())
    return sum(found.values()), found.get(TaskStatus.COMPLETED, 0)


def _latest_attempts(tasks: Sequence[Task], most: int) -> Mapping[str, Sequence[Attempt]]:
    """The first attempt of each task and so many of the last, by the task's id."""
    query = Attempt.select().join(Task, on=(Task.id == Attempt.task_id)).order_by(Attempt.task_id, Attempt.attempt)
    wanted = (Attempt.attempt == 1) | (Attempt.attempt > Task.attempt - most)
    found: dict[str, list[Attempt]] = {task.id: [] for task in tasks}
    for one in query.where(Attempt.task_id.in_(list(found)), wanted) if found else ():
        found[one.task_id].append(one)
    return found


def _task_row(row: Any) -> TaskRow:
    return views.task_row(row, row.workflow)


def _stands_in(status: str) -> Any:
    """A literal and no parameter: only so SQLite sees that a partial index fits."""
    assert status in OPEN_TASK_STATUSES
    return Task.status == SQL(f"'{status}'")


def _newest_first(
    query: Any, key: Any, limit: int, cursor: str | None, view: Callable[[Any], Any], order: Any = None
) -> Page[Any]:
    """One page by a key that grows; the cursor is the last key of the page before. ``order`` sorts as the key does."""
    order = key if order is None else order
    if cursor is not None:
        query = query.where(order < _cursor_value(key, cursor))
    rows = list(query.order_by(order.desc()).limit(limit + 1))
    return page_of(rows, limit, lambda row: getattr(row, key.name), view)


def _cursor_value(key: Any, cursor: str) -> Any:
    if key.name == "id" and is_id(cursor):
        return cursor
    if key.name != "id" and cursor.isascii() and cursor.isdigit() and len(cursor) < 10:
        return int(cursor)
    raise InvalidCursor()


def _workflow_cursor(cursor: str) -> str:
    """The cursor of the list of workflows: a name, also of a flow or of a function's events. Raises InvalidCursor."""
    if names.fault_of(cursor.rpartition(":")[2]):
        raise InvalidCursor()
    return cursor


def _count(model: Any, where: Any) -> int:
    """How many rows there are, counted no further than COUNTED: finished rows are never scanned."""
    return model.select(SQL("1")).where(where).limit(COUNTED).count()


def targets(catalog: Catalog) -> dict[str, Target]:
    """Every step function as the sandbox wants it."""
    return {name: _target(one) for name, one in catalog.steps.items()}


def _target(function: Function) -> Target:
    return Target(function.name, function.path, function.imported_as, function.timeout_seconds)
