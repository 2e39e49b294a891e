"""Start an execution of a workflow's newest version.

It is stored before this answers. The same request with the same Idempotency-Key starts nothing and is answered alike.
"""

from __future__ import annotations

from stepwell.functions.api import _arguments, _shapes
from stepwell.functions.contract import Event, Response, body_of, path_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "POST /workflows/{name}/execute"
BODY = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "properties": {"input": {"description": "any JSON value; {} by default"}, "name": {"type": "string"}},
}
ANSWERS = {201: {"$ref": "#/components/schemas/Started"}}


def handler(event: Event, context: ApiContext) -> Response:
    body = body_of(event) or {}
    execution = context.executions.start(
        path_of(event, "name"),
        body.get("input", {}),
        name=body.get("name"),
        idempotency_key=_arguments.idempotency_key(event),
    )
    return reply(_shapes.started(execution), 201, {"location": f"/executions/{execution.id}"})
