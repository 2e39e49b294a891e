"""CreateFunction: store a function's code and configuration; it is active when this answers."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import DEFAULT_OPTIONS, LambdaContext, NewFunction
from stepwell.functions.errors.lambda_ import InvalidParameterValueException
from stepwell.functions.lambda_api import _options, _shapes

ROUTE = "POST /2015-03-31/functions"
BODY_LIMIT = "code_body"


def handler(given: Json, context: LambdaContext) -> Json:
    function = function_names.referred(given["FunctionName"])
    options = {**DEFAULT_OPTIONS, **_options.chosen(given)}
    if not {"Runtime", "Handler"} <= options.keys() or given.get("PackageType") == "Image":
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    wanted = NewFunction(
        name=function.name,
        options=options,
        code=_options.package(given["Code"]),
        tags=given.get("Tags", {}),
        publish=given.get("Publish", False),
    )
    return _shapes.configuration(context.lambdas.create(wanted))
