"""AddPermission: add a statement to a function's policy. Nobody is kept out by one: see ``STEPWELL_ACCESS_KEYS``."""

from __future__ import annotations

import json

from functions.lambda_api import _names, _policy
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "POST /2015-03-31/functions/{FunctionName}/policy"


def handler(given: Json, context: LambdaContext) -> Json:
    function = _names.reference(given)
    statement = _policy.statement(function, given)
    context.lambda_policies.add(function, statement, given.get("RevisionId"))
    return {"Statement": json.dumps(statement, separators=(",", ":"))}
