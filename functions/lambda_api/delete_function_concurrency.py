"""DeleteFunctionConcurrency: let any number of a function's invocations run at a time."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "DELETE /2017-10-31/functions/{FunctionName}/concurrency"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambdas.reserve(_names.reference(given), None)
    return None
