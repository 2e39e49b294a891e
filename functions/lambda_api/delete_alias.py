"""DeleteAlias: let a name of a function be gone."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "DELETE /2015-03-31/functions/{FunctionName}/aliases/{Name}"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambda_aliases.delete(_names.reference(given), given["Name"])
    return None
