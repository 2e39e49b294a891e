"""Store a workflow definition.

A name that exists gets a new version; executions keep the version they began with.
"""

from __future__ import annotations

from urllib.parse import quote

from stepwell.functions.api import _shapes
from stepwell.functions.contract import Event, Response, body_of, reply
from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.errors import InvalidName

ROUTE = "POST /workflows"
BODY = {
    "type": "object",
    "required": ["name", "definition"],
    "additionalProperties": False,
    "properties": {"name": {"type": "string"}, "definition": {"type": "object"}},
}
BODY_LIMIT = "definition_body"
UNREACHABLE = (".", "..")  # in a path these are not names: no URL would lead to such a workflow
ANSWERS = {201: {"$ref": "#/components/schemas/Workflow"}}


def handler(event: Event, context: ApiContext) -> Response:
    body = body_of(event)
    if body["name"] in UNREACHABLE:
        raise InvalidName(f"No URL leads to a workflow named {body['name']!r}.", path="$.name")
    stored = context.workflows.create(body["name"], body["definition"])
    return reply(_shapes.workflow(stored), 201, {"location": f"/workflows/{quote(stored.name, safe='')}"})
