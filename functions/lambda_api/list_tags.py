"""ListTags: list the tags of a function."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "GET /2017-03-31/tags/{Resource}"


def handler(given: Json, context: LambdaContext) -> Json:
    return {"Tags": dict(context.lambdas.get(function_names.referred(given["Resource"])).tags)}
