"""Answer 200 while this process runs, without asking the database."""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /health"
ANSWERS = {
    200: {
        "type": "object",
        "required": ["status"],
        "additionalProperties": False,
        "properties": {"status": {"const": "ok"}},
    }
}


def handler(event: Event, context: ApiContext) -> Response:
    return reply({"status": "ok"})
