"""PublishVersion: make of $LATEST a version that never changes."""

from __future__ import annotations

from functions.lambda_api import _names, _shapes
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "POST /2015-03-31/functions/{FunctionName}/versions"


def handler(given: Json, context: LambdaContext) -> Json:
    published = context.lambdas.publish(
        _names.reference(given), given.get("CodeSha256"), given.get("Description"), given.get("RevisionId")
    )
    return _shapes.configuration(published)
