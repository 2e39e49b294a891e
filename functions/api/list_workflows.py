"""List the newest version of every workflow, without the definitions."""

from __future__ import annotations

from stepwell.functions.api import _arguments, _shapes
from stepwell.functions.contract import Event, Response, query_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /workflows"
QUERY = {
    "limit": {"$ref": "#/components/schemas/Limit"},
    "cursor": {"$ref": "#/components/schemas/Cursor"},
}
ANSWERS = {200: {"$ref": "#/components/schemas/WorkflowPage"}}


def handler(event: Event, context: ApiContext) -> Response:
    found = context.workflows.list(limit=_arguments.limit(event), cursor=query_of(event).get("cursor"))
    return reply(_shapes.page(found, _shapes.workflow_row))
