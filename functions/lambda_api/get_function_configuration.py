"""GetFunctionConfiguration: the configuration of a function, or of one of its versions."""

from __future__ import annotations

from functions.lambda_api import _names, _shapes
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "GET /2015-03-31/functions/{FunctionName}/configuration"


def handler(given: Json, context: LambdaContext) -> Json:
    return _shapes.configuration(context.lambdas.get(_names.reference(given)).function)
