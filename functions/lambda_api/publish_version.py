"""PublishVersion: publish $LATEST as a version that never changes."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "POST /2015-03-31/functions/{FunctionName}/versions"


def handler(given: Json, context: LambdaContext) -> Json:
    published = context.lambdas.publish(
        function_names.reference(given), given.get("CodeSha256"), given.get("Description"), given.get("RevisionId")
    )
    return _shapes.configuration(published)
