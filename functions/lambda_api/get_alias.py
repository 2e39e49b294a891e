"""GetAlias: which version, or which two, a name stands for."""

from __future__ import annotations

from functions.lambda_api import _names, _shapes
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "GET /2015-03-31/functions/{FunctionName}/aliases/{Name}"


def handler(given: Json, context: LambdaContext) -> Json:
    return _shapes.alias(context.lambda_aliases.get(_names.reference(given), given["Name"]))
