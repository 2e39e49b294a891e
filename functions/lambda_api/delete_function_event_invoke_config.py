"""DeleteFunctionEventInvokeConfig: return a function's asynchronous invocations to the defaults."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "DELETE /2019-09-25/functions/{FunctionName}/event-invoke-config"


def handler(given: Json, context: LambdaContext) -> Json:
    function = function_names.reference(given)
    context.lambda_events.drop_rules(function)
    return None
