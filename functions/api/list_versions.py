"""List the versions of a workflow, newest first."""

from __future__ import annotations

from stepwell.functions.api import _arguments, _shapes
from stepwell.functions.contract import Event, Response, path_of, query_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /workflows/{name}/versions"
QUERY = {
    "limit": {"$ref": "#/components/schemas/Limit"},
    "cursor": {"$ref": "#/components/schemas/Cursor"},
}
ANSWERS = {200: {"$ref": "#/components/schemas/VersionPage"}}


def handler(event: Event, context: ApiContext) -> Response:
    found = context.workflows.versions(
        path_of(event, "name"), limit=_arguments.limit(event), cursor=query_of(event).get("cursor")
    )
    return reply(_shapes.page(found, _shapes.workflow))
