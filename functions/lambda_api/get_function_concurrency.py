"""GetFunctionConcurrency: how many invocations of a function may run at a time, where that is bounded."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "GET /2019-09-30/functions/{FunctionName}/concurrency"


def handler(given: Json, context: LambdaContext) -> Json:
    return {"ReservedConcurrentExecutions": context.lambdas.get(function_names.reference(given)).reserved}
