"""List executions, newest first."""

from __future__ import annotations

from stepwell.functions.api import _arguments, _shapes
from stepwell.functions.contract import Event, Response, query_of, reply, word_of
from stepwell.functions.contract.rest import EXECUTION_STATUSES, ApiContext

ROUTE = "GET /executions"
QUERY = {
    "workflow": {"type": "string"},
    "status": {"enum": ["IN_PROGRESS", "COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED"]},
    "limit": {"$ref": "#/components/schemas/Limit"},
    "cursor": {"$ref": "#/components/schemas/Cursor"},
}
ANSWERS = {200: {"$ref": "#/components/schemas/ExecutionPage"}}


def handler(event: Event, context: ApiContext) -> Response:
    query = query_of(event)
    found = context.executions.list(
        workflow=query.get("workflow"),
        status=word_of(event, "status", EXECUTION_STATUSES),
        limit=_arguments.limit(event),
        cursor=query.get("cursor"),
    )
    return reply(_shapes.page(found, _shapes.execution_row))
