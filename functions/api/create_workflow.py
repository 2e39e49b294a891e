"""Store a workflow definition.

A name that is there already gets a new version; executions keep the version they began with.
"""

from __future__ import annotations

from urllib.parse import quote

from functions.api import _shapes
from functions.contract import ApiContext, Event, Response, body_of, reply
from functions.errors import InvalidDefinition

ROUTE = "POST /workflows"
BODY = {
    "type": "object",
    "required": ["name", "definition"],
    "additionalProperties": False,
    "properties": {"name": {"type": "string"}, "definition": {"type": "object"}},
}
BODY_LIMIT = "definition_body"
ANSWERS = {201: {"$ref": "#/components/schemas/Workflow"}}


def handler(event: Event, context: ApiContext) -> Response:
    body = body_of(event)
    try:
        stored = context.workflows.create(body["name"], body["definition"])
    except InvalidDefinition as fault:
        raise _placed(fault) from None
    return reply(_shapes.workflow(stored), 201, {"location": f"/workflows/{quote(stored.name, safe='')}"})


def _placed(fault: InvalidDefinition) -> InvalidDefinition:
    """The fault with its path counted from the body, of which the definition is only a part."""
    path = "$.definition" + (fault.path or "$").removeprefix("$")
    return type(fault)(fault.message, path=path, hint=fault.hint)
