"""Show a task with its attempts and their logs."""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import ApiContext, Event, Response, path_of, reply

ROUTE = "GET /tasks/{id}"
ANSWERS = {200: {"$ref": "#/components/schemas/Task"}}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(_shapes.task(context.tasks.get(path_of(event, "id"))))
