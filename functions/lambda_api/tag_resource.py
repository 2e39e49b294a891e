"""TagResource: add tags to a function, or overwrite their values."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "POST /2017-03-31/tags/{Resource}"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambdas.tag(function_names.referred(given["Resource"]), given["Tags"])
    return None
