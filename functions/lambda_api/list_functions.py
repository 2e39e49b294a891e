"""ListFunctions: list the functions by name; with ``FunctionVersion=ALL`` their published versions too."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "GET /2015-03-31/functions"


def handler(given: Json, context: LambdaContext) -> Json:
    page = context.lambdas.list(
        all_versions="FunctionVersion" in given,
        limit=min(given.get("MaxItems", _shapes.PAGE), _shapes.PAGE),
        cursor=given.get("Marker"),
    )
    return {"Functions": [_shapes.configuration(one) for one in page.items], "NextMarker": page.next}
