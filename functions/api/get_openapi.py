"""Describe this API in OpenAPI 3.1."""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /openapi.json"
ANSWERS = {
    200: {
        "type": "object",
        "required": ["openapi", "info", "paths", "components"],
    }
}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(context.functions.openapi())
