"""GetFunctionEventInvokeConfig: show how a function's asynchronous invocations are handled."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "GET /2019-09-25/functions/{FunctionName}/event-invoke-config"


def handler(given: Json, context: LambdaContext) -> Json:
    return _shapes.event_rules(context.lambda_events.rules(function_names.reference(given)))
