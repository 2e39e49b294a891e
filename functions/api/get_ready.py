"""Say whether requests can be answered: 503 while the database is away."""

from __future__ import annotations

from functions.contract import ApiContext, Event, Response, reply

ROUTE = "GET /ready"
ANSWERS = {200: {"type": "object", "additionalProperties": {"type": "string"}}}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(dict(context.health.ready()))
