"""Cancel an execution: its running tasks are stopped, and no other task begins."""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import Event, Response, path_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "POST /executions/{id}/cancel"
ANSWERS = {200: {"$ref": "#/components/schemas/ExecutionRow"}}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(_shapes.execution_row(context.executions.cancel(path_of(event, "id"))))
