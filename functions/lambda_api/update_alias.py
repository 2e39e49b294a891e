"""UpdateAlias: point an alias to other versions, from the next invocation on."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "PUT /2015-03-31/functions/{FunctionName}/aliases/{Name}"


def handler(given: Json, context: LambdaContext) -> Json:
    members = {"FunctionVersion": "version", "Description": "description"}
    changes = {own: given[name] for name, own in members.items() if name in given}
    if "RoutingConfig" in given:
        changes["weights"] = _shapes.weights(given)
    function = function_names.reference(given)
    return _shapes.alias(context.lambda_aliases.update(function, given["Name"], changes, given.get("RevisionId")))
