"""Answer a waiting task token with a result."""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, body_of, path_of
from stepwell.functions.contract.rest import ApiContext

ROUTE = "POST /tasks/{token}/success"
BODY = {
    "type": "object",
    "required": ["output"],
    "additionalProperties": False,
    "properties": {"output": {"description": "any JSON value: the task's result"}},
}
ANSWERS = {204: None}


def handler(event: Event, context: ApiContext) -> Response:
    context.tasks.succeed(path_of(event, "token"), body_of(event)["output"])
    return {"statusCode": 204}
