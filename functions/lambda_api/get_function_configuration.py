"""GetFunctionConfiguration: show the configuration of a function or of one of its versions."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "GET /2015-03-31/functions/{FunctionName}/configuration"


def handler(given: Json, context: LambdaContext) -> Json:
    return _shapes.configuration(context.lambdas.get(function_names.reference(given)).function)
