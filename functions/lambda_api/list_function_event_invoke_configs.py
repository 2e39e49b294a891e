"""ListFunctionEventInvokeConfigs: list the settings for a function's asynchronous invocations, by version and alias."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.function_names import FunctionReference
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "GET /2019-09-25/functions/{FunctionName}/event-invoke-config/list"


def handler(given: Json, context: LambdaContext) -> Json:
    name = function_names.reference(given).name
    limit = min(given.get("MaxItems", _shapes.PAGE), _shapes.PAGE)
    page = context.lambda_events.list(FunctionReference(name), limit=limit, cursor=given.get("Marker"))
    configs = [_shapes.event_rules(rules) for rules in page.items]
    return {"FunctionEventInvokeConfigs": configs, "NextMarker": page.next}
