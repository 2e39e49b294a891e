"""InvokeAsync: queue an event for a function, as Invoke does with ``Event``. AWS calls this one deprecated."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaCall, LambdaContext
from stepwell.functions.lambda_api import _payloads

ROUTE = "POST /2014-11-13/functions/{FunctionName}/invoke-async"
BODY_LIMIT = "invoke_body"


def handler(given: Json, context: LambdaContext) -> Json:
    payload = _payloads.read(given["InvokeArgs"] or b"{}", "Event")
    context.lambda_events.send(function_names.reference(given), LambdaCall(payload, context.request_id))
    return {"Status": 202}
