"""Start a demo flow that retries one step and then fails.

Its child succeeds at the third attempt, each later than the one before; then its parent fails at every attempt.
"""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import Event, Response, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /tasks/sample-failing-flow"
CHANGES = True
ANSWERS = {200: {"$ref": "#/components/schemas/Started"}}

TREE = {
    "name": "always_fails",
    "opts": {"attempts": 2, "backoff": {"type": "fixed", "delay": 500}},
    "children": [
        {
            "name": "flaky",
            "data": {"failures": 2},
            "opts": {"attempts": 3, "backoff": {"type": "exponential", "delay": 200}},
        }
    ],
}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(_shapes.started(context.executions.start_flow(TREE)))
