"""UpdateFunctionConfiguration: change the given members of a function's configuration."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext, Update
from stepwell.functions.lambda_api import _options, _shapes

ROUTE = "PUT /2015-03-31/functions/{FunctionName}/configuration"


def handler(given: Json, context: LambdaContext) -> Json:
    chosen = _options.chosen(given)
    change = Update(options=lambda before: {**before, **chosen}, revision=given.get("RevisionId"))
    return _shapes.configuration(context.lambdas.update(function_names.reference(given), change))
