"""GetFunctionCodeSigningConfig: answer that there is none, since Terraform asks and stops at an error."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "GET /2020-06-30/functions/{FunctionName}/code-signing-config"


def handler(given: Json, context: LambdaContext) -> Json:
    found = context.lambdas.get(function_names.reference(given))
    return {"CodeSigningConfigArn": "", "FunctionName": found.function.name}
