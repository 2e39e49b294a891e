"""List the history events of an execution, oldest first."""

from __future__ import annotations

from stepwell.functions.api import _arguments, _shapes
from stepwell.functions.contract import Event, Response, number_of, path_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /executions/{id}/history"
QUERY = {
    "after": {"type": "integer", "minimum": 0, "default": 0, "description": "the id of the last event seen"},
    "limit": {"$ref": "#/components/schemas/Limit"},
}
ANSWERS = {200: {"$ref": "#/components/schemas/History"}}


def handler(event: Event, context: ApiContext) -> Response:
    after, limit = number_of(event, "after"), _arguments.limit(event)
    found = context.executions.history(path_of(event, "id"), after=after, limit=limit)
    return reply(_shapes.history(found))
