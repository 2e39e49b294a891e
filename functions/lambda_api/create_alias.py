"""CreateAlias: give a version of a function a name, or two versions by their weights."""

from __future__ import annotations

from functions.lambda_api import _names, _shapes
from functions.lambda_api._rooms import Alias, Json, LambdaContext

ROUTE = "POST /2015-03-31/functions/{FunctionName}/aliases"


def handler(given: Json, context: LambdaContext) -> Json:
    wanted = Alias(given["Name"], given["FunctionVersion"], _shapes.weights(given), given.get("Description", ""))
    return _shapes.alias(context.lambda_aliases.create(_names.reference(given), wanted))
