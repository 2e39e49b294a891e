"""TagResource: add tags to a function, or give some of them other values."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "POST /2017-03-31/tags/{Resource}"


def handler(given: Json, context: LambdaContext) -> Json:
    context.lambdas.tag(_names.referred(given["Resource"]), given["Tags"])
    return None
