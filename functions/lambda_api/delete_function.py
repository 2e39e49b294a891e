"""DeleteFunction: delete a function with all its versions and aliases, or one of its versions."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "DELETE /2015-03-31/functions/{FunctionName}"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambdas.delete(function_names.reference(given))
    return {"StatusCode": 204}
