"""Show an execution with its tasks."""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import ApiContext, Event, Response, path_of, reply

ROUTE = "GET /executions/{id}"
ANSWERS = {200: {"$ref": "#/components/schemas/Execution"}}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(_shapes.execution(context.executions.get(path_of(event, "id"))))
