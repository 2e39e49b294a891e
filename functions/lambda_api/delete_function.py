"""DeleteFunction: let a function be gone with all its versions and aliases, or one version alone."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "DELETE /2015-03-31/functions/{FunctionName}"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambdas.delete(_names.reference(given))
    return {"StatusCode": 204}
