"""Start a tree of steps: children run first, side by side, then their parent.

The parent's event holds the results of its children, in order, as ``children: [{name, result}]``.
"""

from __future__ import annotations

from stepwell.functions.api import _arguments, _shapes
from stepwell.functions.contract import Event, Response, body_of, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "POST /flows"
BODY = {"$ref": "#/components/schemas/Flow"}
ANSWERS = {201: {"$ref": "#/components/schemas/Started"}}


def handler(event: Event, context: ApiContext) -> Response:
    execution = context.executions.start_flow(body_of(event), idempotency_key=_arguments.idempotency_key(event))
    return reply(_shapes.started(execution), 201, {"location": f"/executions/{execution.id}"})
