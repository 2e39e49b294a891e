"""Answer 200 when requests can be served, 503 while the database is away.

``lostRings`` and ``fencedResults`` are what the process that answers has counted since its start: messages that the
queue did not take, and results that came too late to count. Both cost time only.
"""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /ready"
ANSWERS = {
    200: {
        "type": "object",
        "required": ["database", "queue", "lostRings", "fencedResults"],
        "additionalProperties": False,
        "properties": {
            "database": {"const": "ok"},
            "queue": {"enum": ["ok", "away"]},
            "lostRings": {"type": "integer", "minimum": 0},
            "fencedResults": {"type": "integer", "minimum": 0},
        },
    }
}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(dict(context.health.ready()))
