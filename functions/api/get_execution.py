"""Show an execution with its tasks."""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import Event, Response, path_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /executions/{id}"
ANSWERS = {200: {"$ref": "#/components/schemas/Execution"}}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(_shapes.execution(context.executions.get(path_of(event, "id"))))
