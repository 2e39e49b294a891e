"""Show the state of this installation: counts, latest executions and tasks, workflows."""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, query_of, word_of
from stepwell.functions.contract.rest import EXECUTION_STATUSES, OPEN_TASK_STATUSES, ApiContext
from stepwell.functions.dashboard import _page, _query

ROUTE = "GET /queues"
QUERY = {
    "workflow": {"type": "string", "description": "only executions of this workflow"},
    "status": {"enum": ["IN_PROGRESS", "COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED"]},
    "cursor": {"type": "string", "description": "executions older than the page before"},
    "tasks": {"enum": ["QUEUED", "IN_PROGRESS", "FAILED"]},
}

ROWS = 25
WORKFLOWS = 100


@_page.with_refusals
def handler(event: Event, context: ApiContext) -> Response:
    event = _query.without_empty(event)
    workflow, cursor = query_of(event).get("workflow"), query_of(event).get("cursor")
    status, tasks = word_of(event, "status", EXECUTION_STATUSES), word_of(event, "tasks", OPEN_TASK_STATUSES)
    return _page.show(
        event,
        "queues.html",
        filters={"workflow": workflow, "status": status, "tasks": tasks},
        cursor=cursor,
        statuses=EXECUTION_STATUSES,
        execution_counts=context.executions.counts(),
        task_counts=context.tasks.counts(),
        executions=context.executions.list(workflow=workflow, status=status, limit=ROWS, cursor=cursor),
        tasks=context.tasks.list(status=tasks, limit=ROWS, cursor=None),
        workflows=context.workflows.list(limit=WORKFLOWS, cursor=None),
    )
