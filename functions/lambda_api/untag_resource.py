"""UntagResource: remove tags from a function."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "DELETE /2017-03-31/tags/{Resource}"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambdas.tag(function_names.referred(given["Resource"]), {}, given["TagKeys"])
    return None
