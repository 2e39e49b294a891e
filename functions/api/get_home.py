"""Lead to the dashboard."""

from __future__ import annotations

from stepwell.functions.contract import ApiContext, Event, Response

ROUTE = "GET /"
ANSWERS = {302: None}


def handler(event: Event, context: ApiContext) -> Response:
    return {"statusCode": 302, "headers": {"location": "/queues"}}
