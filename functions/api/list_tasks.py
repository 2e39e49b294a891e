"""List tasks, newest first."""

from __future__ import annotations

from stepwell.functions.api import _arguments, _shapes
from stepwell.functions.contract import Event, Response, query_of, reply, word_of
from stepwell.functions.contract.rest import OPEN_TASK_STATUSES, ApiContext

ROUTE = "GET /tasks"
QUERY = {
    "status": {"enum": ["QUEUED", "IN_PROGRESS", "FAILED"]},
    "limit": {"$ref": "#/components/schemas/Limit"},
    "cursor": {"$ref": "#/components/schemas/Cursor"},
}
ANSWERS = {200: {"$ref": "#/components/schemas/TaskPage"}}


def handler(event: Event, context: ApiContext) -> Response:
    found = context.tasks.list(
        status=word_of(event, "status", OPEN_TASK_STATUSES),
        limit=_arguments.limit(event),
        cursor=query_of(event).get("cursor"),
    )
    return reply(_shapes.page(found, _shapes.task_row))
