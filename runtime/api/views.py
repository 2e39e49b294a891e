"""Makes the frozen views of ``functions/contract/rest.py`` from database rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from stepwell.db.models import Attempt, Execution, History, Task, Version
from stepwell.db.values import NewExecution
from stepwell.functions.contract import Json
from stepwell.functions.contract.rest import (
    AttemptView,
    ExecutionRow,
    ExecutionView,
    HistoryView,
    TaskRow,
    TaskView,
    WarningView,
    WorkflowRow,
    WorkflowView,
)
from stepwell.runtime.engine.definition.field_kinds import Fault
from stepwell.runtime.engine.values.locations import ROOT
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.ids import task_id

WORKFLOW_COLUMNS = (Version.workflow_id, Version.number, Version.created_at)
EXECUTION_COLUMNS = (
    *(Execution.id, Execution.name, Execution.workflow, Execution.version, Execution.status, Execution.paused),
    *(Execution.error, Execution.created_at, Execution.finished_at),
)
TASK_COLUMNS = (
    *(Task.id, Task.execution_id, Task.function, Task.step, Task.status, Task.attempt, Task.retries, Task.losses),
    *(Task.error, Task.created_at, Task.started_at, Task.finished_at),
)
"""The columns of the row views. Listings read no others, since payloads may be large."""


def workflow_row(name: str, version: Version) -> WorkflowRow:
    """A workflow with its newest version, for a listing."""
    return WorkflowRow(id=version.workflow_id, name=name, version=version.number, created_at=_time(version.created_at))


def workflow_view(name: str, version: Version, warnings: Sequence[Fault] = ()) -> WorkflowView:
    """A version of a workflow. The paths of the warnings begin at the body of the request: ``$.definition``."""
    found = tuple(WarningView(str(ROOT / "definition" / one.where.steps), one.full_message) for one in warnings)
    return WorkflowView(**vars(workflow_row(name, version)), definition=json.loads(version.definition), warnings=found)


def execution_row(row: Execution) -> ExecutionRow:
    """An execution for a listing, made from EXECUTION_COLUMNS."""
    return ExecutionRow(
        id=row.id,
        name=row.name,
        workflow=row.workflow,
        version=row.version,
        status=row.status,
        paused=row.paused,
        error=row.error,
        started_at=_time(row.created_at),
        finished_at=_time_or_none(row.finished_at),
    )


def begun_row(own: NewExecution) -> ExecutionRow:
    """A new execution, as its start has written it."""
    return ExecutionRow(
        id=own.id,
        name=own.name,
        workflow=own.workflow,
        version=own.version,
        status=own.status,
        paused=False,
        error=own.error,
        started_at=_time(own.created_at),
        finished_at=_time(own.created_at) if own.status != Status.IN_PROGRESS else None,
    )


def execution_view(row: Execution, tasks: Sequence[TaskView] = ()) -> ExecutionView:
    """An execution with its payloads and these tasks."""
    return ExecutionView(
        **vars(execution_row(row)),
        input=json.loads(row.input),
        output=_json(row.output),
        cause=row.cause,
        tasks=tasks,
    )


def task_row(row: Task, workflow: str) -> TaskRow:
    """A task for a listing, made from TASK_COLUMNS."""
    return TaskRow(
        id=row.id,
        execution_id=row.execution_id,
        workflow=workflow,
        name=row.function,
        step=row.step,
        status=row.status,
        attempts=row.attempt,
        retries=row.retries,
        losses=row.losses,
        error=row.error,
        created_at=_time(row.created_at),
        started_at=_time_or_none(row.started_at),
        finished_at=_time_or_none(row.finished_at),
    )


def task_view(row: Task, workflow: str, log: Sequence[AttemptView] = ()) -> TaskView:
    """A task with its payloads and these attempts."""
    return TaskView(
        **vars(task_row(row, workflow)),
        data=json.loads(row.data),
        input=_json(row.input),
        result=_json(row.result),
        cause=row.cause,
        log=log,
    )


def attempt_views(task: Task, ended: Sequence[Attempt]) -> list[AttemptView]:
    """The attempts of a task that have ended, and the one that runs."""
    views = [
        AttemptView(
            attempt=row.attempt,
            outcome=row.outcome,
            error=row.error,
            cause=row.cause,
            logs=row.logs,
            started_at=_time_or_none(row.started_at),
            finished_at=_time(row.finished_at),
        )
        for row in ended
    ]
    if task.status == TaskStatus.IN_PROGRESS:
        views.append(AttemptView(task.attempt, None, None, None, "", _time_or_none(task.started_at), None))
    return views


def history_view(row: History) -> HistoryView:
    """A line of history. The rows name tasks by their numbers, the view by their ids."""
    details = json.loads(row.details)
    if row.step is not None:
        details = {"step": row.step, **details}
    if "task" in details:
        details["task"] = task_id(row.execution_id, details["task"])
    return HistoryView(id=row.id, type=row.type, at=_time(row.at), details=details)


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _time_or_none(at: int | None) -> datetime | None:
    return None if at is None else _time(at)


def _json(text: str | None) -> Json:
    return None if text is None else json.loads(text)
