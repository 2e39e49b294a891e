"""DeleteAlias: delete an alias of a function."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "DELETE /2015-03-31/functions/{FunctionName}/aliases/{Name}"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambda_aliases.delete(function_names.reference(given), given["Name"])
    return None
