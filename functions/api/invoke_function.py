"""Run one step function now, outside any workflow.

The body is its event. A function that fails is answered too: with ``error`` and ``cause`` in place of ``result``.
"""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, body_of, path_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "POST /functions/{name}/invoke"
BODY = {"description": "the event; {} when there is no body"}
ANSWERS = {
    200: {
        "type": "object",
        "required": ["logs", "seconds"],
        "properties": {
            "result": {},
            "error": {"type": ["string", "null"]},
            "cause": {"type": ["string", "null"]},
            "logs": {"type": "string"},
            "seconds": {"type": "number"},
        },
    }
}


def handler(event: Event, context: ApiContext) -> Response:
    sent = body_of(event)
    return reply(context.functions.invoke(path_of(event, "name"), {} if sent is None else sent))
