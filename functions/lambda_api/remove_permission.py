"""RemovePermission: remove a statement from a function's policy."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "DELETE /2015-03-31/functions/{FunctionName}/policy/{StatementId}"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambda_policies.remove(function_names.reference(given), given["StatementId"], given.get("RevisionId"))
    return None
