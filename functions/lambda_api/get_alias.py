"""GetAlias: show the one or two versions that an alias points to."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "GET /2015-03-31/functions/{FunctionName}/aliases/{Name}"


def handler(given: Json, context: LambdaContext) -> Json:
    return _shapes.alias(context.lambda_aliases.get(function_names.reference(given), given["Name"]))
