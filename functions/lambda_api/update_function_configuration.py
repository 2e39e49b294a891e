"""UpdateFunctionConfiguration: change what is named of a function's configuration, and leave the rest."""

from __future__ import annotations

from functions.lambda_api import _names, _options, _shapes
from functions.lambda_api._rooms import Json, LambdaContext, Update

ROUTE = "PUT /2015-03-31/functions/{FunctionName}/configuration"


def handler(given: Json, context: LambdaContext) -> Json:
    chosen = _options.chosen(given)
    change = Update(options=lambda before: {**before, **chosen}, revision=given.get("RevisionId"))
    return _shapes.configuration(context.lambdas.update(_names.reference(given), change))
