"""DeleteFunctionEventInvokeConfig: let a function's events be treated as all others."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "DELETE /2019-09-25/functions/{FunctionName}/event-invoke-config"


def handler(given: Json, context: LambdaContext) -> Json:
    function = _names.reference(given)
    context.lambda_events.drop_rules(function)
    return None
