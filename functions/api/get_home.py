"""Redirect to the dashboard."""

from __future__ import annotations

from stepwell.functions.contract import Event, Response
from stepwell.functions.contract.rest import ApiContext

ROUTE = "GET /"
ANSWERS = {302: None}


def handler(event: Event, context: ApiContext) -> Response:
    return {"statusCode": 302, "headers": {"location": "/queues"}}
