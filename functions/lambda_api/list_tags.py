"""ListTags: the tags of a function."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "GET /2017-03-31/tags/{Resource}"


def handler(given: Json, context: LambdaContext) -> Json:
    return {"Tags": dict(context.lambdas.get(_names.referred(given["Resource"])).tags)}
