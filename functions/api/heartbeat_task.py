"""Report that a waiting task is still being worked on."""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, path_of
from stepwell.functions.contract.rest import ApiContext

ROUTE = "POST /tasks/{token}/heartbeat"
ANSWERS = {204: None}


def handler(event: Event, context: ApiContext) -> Response:
    context.tasks.heartbeat(path_of(event, "token"))
    return {"statusCode": 204}
