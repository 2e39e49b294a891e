"""Show a task with its attempts and their logs."""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import Event, Response, path_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /tasks/{id}"
ANSWERS = {200: {"$ref": "#/components/schemas/Task"}}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(_shapes.task(context.tasks.get(path_of(event, "id"))))
