"""Show one workflow: definition, versions, latest executions, and how to start it."""

from __future__ import annotations

from stepwell.functions.contract import Event, Response, path_of, query_of
from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.dashboard import _page, _query

ROUTE = "GET /queues/workflows/{name}"
QUERY = {"cursor": {"type": "string", "description": "versions older than the page before"}}

EXECUTIONS = 10
VERSIONS = 10


@_page.with_refusals
def handler(event: Event, context: ApiContext) -> Response:
    name, cursor = path_of(event, "name"), query_of(_query.without_empty(event)).get("cursor")
    return _page.show(
        event,
        "workflow.html",
        workflow=context.workflows.get(name),
        versions=context.workflows.versions(name, limit=VERSIONS, cursor=cursor),
        cursor=cursor,
        executions=context.executions.list(workflow=name, status=None, limit=EXECUTIONS, cursor=None),
    )
