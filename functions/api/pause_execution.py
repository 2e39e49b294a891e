"""Pause an execution: running tasks finish, no other task begins."""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import Event, Response, path_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "POST /executions/{id}/pause"
ANSWERS = {200: {"$ref": "#/components/schemas/ExecutionRow"}}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(_shapes.execution_row(context.executions.pause(path_of(event, "id"))))
