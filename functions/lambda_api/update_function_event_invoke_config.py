"""UpdateFunctionEventInvokeConfig: change some settings of a function's asynchronous invocations."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "POST /2019-09-25/functions/{FunctionName}/event-invoke-config"


def handler(given: Json, context: LambdaContext) -> Json:
    function = function_names.reference(given)
    return _shapes.event_rules(context.lambda_events.change_rules(function, _shapes.chosen_rules(given)))
