"""AddPermission: add a statement to a function's policy. Policies are not enforced: see ``STEPWELL_ACCESS_KEYS``."""

from __future__ import annotations

import json

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _policy

ROUTE = "POST /2015-03-31/functions/{FunctionName}/policy"


def handler(given: Json, context: LambdaContext) -> Json:
    function = function_names.reference(given)
    statement = _policy.statement(function, given)
    kept = context.lambda_policies.add(function, statement, given.get("RevisionId"))
    return {"Statement": json.dumps(kept, separators=(",", ":"))}
