"""GetPolicy: show the resource policy of a function, or of one of its versions or aliases."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "GET /2015-03-31/functions/{FunctionName}/policy"


def handler(given: Json, context: LambdaContext) -> Json:
    found = context.lambda_policies.get(function_names.reference(given))
    return {"Policy": found.text, "RevisionId": found.revision}
