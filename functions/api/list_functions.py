"""List the step types, the endpoints, and the functions created over Lambda's API."""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import Event, Response, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /functions"
ANSWERS = {
    200: {
        "type": "object",
        "required": ["items"],
        "additionalProperties": False,
        "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Function"}}},
    }
}


def handler(event: Event, context: ApiContext) -> Response:
    return reply({"items": [_shapes.function(one) for one in context.functions.list()]})
