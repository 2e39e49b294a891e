"""CreateAlias: give a name to one version of a function, or to two versions with weights."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import AliasConfiguration, LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "POST /2015-03-31/functions/{FunctionName}/aliases"


def handler(given: Json, context: LambdaContext) -> Json:
    wanted = AliasConfiguration(
        given["Name"], given["FunctionVersion"], _shapes.weights(given), given.get("Description", "")
    )
    return _shapes.alias(context.lambda_aliases.create(function_names.reference(given), wanted))
