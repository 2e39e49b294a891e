"""Delete a workflow with all its versions."""

from __future__ import annotations

from stepwell.functions.contract import ApiContext, Event, Response, path_of

ROUTE = "DELETE /workflows/{name}"
ANSWERS = {204: None}


def handler(event: Event, context: ApiContext) -> Response:
    context.workflows.delete(path_of(event, "name"))
    return {"statusCode": 204}
