"""PutFunctionConcurrency: let at most so many of a function's invocations run at a time, in all processes together."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "PUT /2017-10-31/functions/{FunctionName}/concurrency"


def handler(given: Json, context: LambdaContext) -> Json:
    reserved = given["ReservedConcurrentExecutions"]
    context.lambdas.reserve(_names.reference(given), reserved)
    return {"ReservedConcurrentExecutions": reserved}
