"""PutFunctionConcurrency: bound a function's concurrent invocations, over all processes together."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "PUT /2017-10-31/functions/{FunctionName}/concurrency"


def handler(given: Json, context: LambdaContext) -> Json:
    reserved = given["ReservedConcurrentExecutions"]
    context.lambdas.reserve(function_names.reference(given), reserved)
    return {"ReservedConcurrentExecutions": reserved}
