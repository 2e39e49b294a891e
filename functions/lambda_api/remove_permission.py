"""RemovePermission: take a statement out of a function's policy."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "DELETE /2015-03-31/functions/{FunctionName}/policy/{StatementId}"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambda_policies.remove(_names.reference(given), given["StatementId"], given.get("RevisionId"))
    return None
