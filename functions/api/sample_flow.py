"""Start a demo flow that succeeds: a parent after two children."""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import Event, Response, reply
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /tasks/sample-flow"
CHANGES = True
ANSWERS = {200: {"$ref": "#/components/schemas/Started"}}

TREE = {
    "name": "step2",
    "data": {"greeting": "I run last, and see what my children have answered"},
    "children": [
        {"name": "step1", "data": {"child": 1}},
        {"name": "step2", "data": {"child": 2}},
    ],
}


def handler(event: Event, context: ApiContext) -> Response:
    return reply(_shapes.started(context.executions.start_flow(TREE)))
