"""GetPolicy: who was given permission to call a function, or one of its versions or aliases."""

from __future__ import annotations

from functions.lambda_api import _names, _policy
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "GET /2015-03-31/functions/{FunctionName}/policy"


def handler(given: Json, context: LambdaContext) -> Json:
    found = context.lambda_policies.get(_names.reference(given))
    return {"Policy": _policy.text(found.statements), "RevisionId": found.revision}
