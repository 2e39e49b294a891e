"""ListAliases: list the aliases of a function."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "GET /2015-03-31/functions/{FunctionName}/aliases"


def handler(given: Json, context: LambdaContext) -> Json:
    page = context.lambda_aliases.list(
        function_names.reference(given),
        version=given.get("FunctionVersion"),
        limit=min(given.get("MaxItems", _shapes.PAGE), _shapes.PAGE),
        cursor=given.get("Marker"),
    )
    return {"Aliases": [_shapes.alias(one) for one in page.items], "NextMarker": page.next}
