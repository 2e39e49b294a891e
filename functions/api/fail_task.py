"""Answer a waiting task token with an error."""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, body_of, path_of
from stepwell.functions.contract.rest import ApiContext

ROUTE = "POST /tasks/{token}/failure"
BODY = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "properties": {
        "error": {"type": "string", "maxLength": 256},
        "cause": {"type": "string", "maxLength": 32768},
    },
}
ANSWERS = {204: None}


def handler(event: Event, context: ApiContext) -> Response:
    body = body_of(event) or {}
    context.tasks.fail(path_of(event, "token"), body.get("error"), body.get("cause"))
    return {"statusCode": 204}
