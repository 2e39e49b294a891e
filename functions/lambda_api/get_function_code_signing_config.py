"""GetFunctionCodeSigningConfig: no code is signed here; Terraform asks, and takes an error for a failure."""

from __future__ import annotations

from functions.lambda_api import _names
from functions.lambda_api._rooms import Json, LambdaContext

ROUTE = "GET /2020-06-30/functions/{FunctionName}/code-signing-config"


def handler(given: Json, context: LambdaContext) -> Json:
    found = context.lambdas.get(_names.reference(given))
    return {"CodeSigningConfigArn": "", "FunctionName": found.function.name}
