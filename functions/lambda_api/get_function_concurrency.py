"""GetFunctionConcurrency: how many invocations of a function may run at a time, where that is bounded."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "GET /2019-09-30/functions/{FunctionName}/concurrency"


def handler(given: Json, context: LambdaContext) -> Json:
    return {"ReservedConcurrentExecutions": context.lambdas.get(_names.reference(given)).reserved}
