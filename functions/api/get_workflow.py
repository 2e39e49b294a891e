"""Show the newest version of a workflow.

``?form=asl`` shows a step list as the state machine that it is compiled to.
"""

from __future__ import annotations

from stepwell.functions.api import _shapes
from stepwell.functions.contract import Event, Response, path_of, reply, word_of
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /workflows/{name}"
QUERY = {
    "form": {"enum": ["asl"]},
}
ANSWERS = {200: {"$ref": "#/components/schemas/Workflow"}}


def handler(event: Event, context: ApiContext) -> Response:
    form = word_of(event, "form", ("asl",))
    name = path_of(event, "name")
    shown = _shapes.workflow(context.workflows.get(name))
    return reply({**shown, "definition": context.workflows.machine(name)} if form else shown)
