"""Renders the views of ``stepwell.functions.contract.rest`` as JSON: members in camelCase, times in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from stepwell.functions.contract import Json, Page, instant
from stepwell.functions.contract.rest import (
    AttemptView,
    ExecutionRow,
    ExecutionView,
    FunctionView,
    HistoryView,
    TaskRow,
    TaskView,
    WorkflowRow,
    WorkflowView,
)

Shape = dict[str, Json]
Row = TypeVar("Row")


def page(found: Page[Row], render: Callable[[Row], Shape]) -> Shape:
    return {"items": [render(row) for row in found.items], "next": found.next}


def workflow_row(view: WorkflowRow) -> Shape:
    return {"id": view.id, "name": view.name, "version": view.version, "createdAt": instant(view.created_at)}


def workflow(view: WorkflowView) -> Shape:
    warnings = [{"path": one.path, "message": one.message} for one in view.warnings]
    return {**workflow_row(view), "definition": view.definition, **({"warnings": warnings} if warnings else {})}


def started(view: ExecutionRow) -> Shape:
    return {"executionId": view.id, "status": view.status}


def execution_row(view: ExecutionRow) -> Shape:
    return {
        "executionId": view.id,
        "name": view.name,
        "workflow": view.workflow,
        "version": view.version,
        "status": view.status,
        "paused": view.paused,
        "error": view.error,
        "startedAt": instant(view.started_at),
        "finishedAt": _instant_or_none(view.finished_at),
    }


def execution(view: ExecutionView) -> Shape:
    return {
        **execution_row(view),
        "cause": view.cause,
        "input": view.input,
        "output": view.output,
        "tasks": [_task_in_execution(one) for one in view.tasks],
    }


def history(found: Page[HistoryView]) -> Shape:
    return {"events": [_history_event(one) for one in found.items], "next": found.next}


def task_row(view: TaskRow) -> Shape:
    return {
        "id": view.id,
        "executionId": view.execution_id,
        "workflow": view.workflow,
        "name": view.name,
        "step": view.step,
        "status": view.status,
        "attempts": view.attempts,
        "retries": view.retries,
        "losses": view.losses,
        "error": view.error,
        "createdAt": instant(view.created_at),
        "startedAt": _instant_or_none(view.started_at),
        "finishedAt": _instant_or_none(view.finished_at),
    }


def task(view: TaskView) -> Shape:
    """A task outside of its execution, with its payloads, and each attempt with its logs."""
    return {
        **task_row(view),
        **_payloads(view),
        "attempts": [_attempt(one) for one in view.log],
    }


def function(view: FunctionView) -> Shape:
    return {
        "name": view.name,
        "kind": view.kind,
        "source": view.source,
        "summary": view.summary,
        "route": view.route,
        "timeoutSeconds": view.timeout_seconds,
        "retry": view.retry,
    }


def _task_in_execution(view: TaskView) -> Shape:
    row = task_row(view)
    place = ("executionId", "workflow", "createdAt")
    return {**{name: value for name, value in row.items() if name not in place}, **_payloads(view)}


def _payloads(view: TaskView) -> Shape:
    return {"data": view.data, "input": view.input, "result": view.result, "cause": view.cause}


def _attempt(view: AttemptView) -> Shape:
    return {
        "attempt": view.attempt,
        "outcome": view.outcome,
        "error": view.error,
        "cause": view.cause,
        "logs": view.logs,
        "startedAt": _instant_or_none(view.started_at),
        "finishedAt": _instant_or_none(view.finished_at),
    }


def _history_event(view: HistoryView) -> Shape:
    line = {"id": view.id, "type": view.type, "at": instant(view.at)}
    return {**line, **view.details, **line}


def _instant_or_none(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
