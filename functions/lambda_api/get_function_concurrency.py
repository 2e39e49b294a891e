"""GetFunctionConcurrency: show the bound on a function's concurrent invocations, if it has one."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "GET /2019-09-30/functions/{FunctionName}/concurrency"


def handler(given: Json, context: LambdaContext) -> Json:
    return {"ReservedConcurrentExecutions": context.lambdas.get(function_names.reference(given)).reserved}
