"""UpdateFunctionCode: replace $LATEST's code; the next invocation in any process runs it."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext, Update
from stepwell.functions.lambda_api import _options, _shapes

ROUTE = "PUT /2015-03-31/functions/{FunctionName}/code"
BODY_LIMIT = "code_body"


def handler(given: Json, context: LambdaContext) -> Json:
    architectures = {name: given[name] for name in ("Architectures",) if name in given}
    change = Update(
        options=lambda before: {**before, **architectures},
        code=_options.package(given),
        revision=given.get("RevisionId"),
        publish=given.get("Publish", False),
        dry_run=given.get("DryRun", False),
    )
    return _shapes.configuration(context.lambdas.update(function_names.reference(given), change))
