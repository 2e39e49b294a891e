"""ListVersionsByFunction: list $LATEST and the published versions."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "GET /2015-03-31/functions/{FunctionName}/versions"


def handler(given: Json, context: LambdaContext) -> Json:
    limit = min(given.get("MaxItems", _shapes.PAGE), _shapes.PAGE)
    page = context.lambdas.versions(function_names.reference(given), limit=limit, cursor=given.get("Marker"))
    return {"Versions": [_shapes.configuration(one) for one in page.items], "NextMarker": page.next}
