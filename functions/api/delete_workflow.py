"""Delete a workflow with all its versions."""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, path_of
from stepwell.functions.contract.rest import ApiContext

ROUTE = "DELETE /workflows/{name}"
ANSWERS = {204: None}


def handler(event: Event, context: ApiContext) -> Response:
    context.workflows.delete(path_of(event, "name"))
    return {"statusCode": 204}
