"""PutFunctionEventInvokeConfig: set how a function's asynchronous invocations are handled, and reset the rest."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import EventRules, LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "PUT /2019-09-25/functions/{FunctionName}/event-invoke-config"


def handler(given: Json, context: LambdaContext) -> Json:
    function = function_names.reference(given)
    rules = EventRules(**_shapes.chosen_rules(given))
    return _shapes.event_rules(context.lambda_events.set_rules(function, rules))
