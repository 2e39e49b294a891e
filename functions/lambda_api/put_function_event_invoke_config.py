"""PutFunctionEventInvokeConfig: say what becomes of a function's events; what is not said is the default."""

from __future__ import annotations

from functions.lambda_api import _names, _shapes
from functions.lambda_api._rooms import EventRules, Json, LambdaContext

ROUTE = "PUT /2019-09-25/functions/{FunctionName}/event-invoke-config"


def handler(given: Json, context: LambdaContext) -> Json:
    function = _names.reference(given)
    rules = EventRules(**_shapes.chosen_rules(given))
    return _shapes.event_rules(function, context.lambda_events.set_rules(function, rules))
