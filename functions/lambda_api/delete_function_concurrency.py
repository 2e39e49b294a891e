"""DeleteFunctionConcurrency: remove the bound on a function's concurrent invocations."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "DELETE /2017-10-31/functions/{FunctionName}/concurrency"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambdas.reserve(function_names.reference(given), None)
    return None
