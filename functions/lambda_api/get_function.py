"""GetFunction: show a function's configuration, code location, tags and concurrency."""

from __future__ import annotations

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.lambda_api import _shapes

ROUTE = "GET /2015-03-31/functions/{FunctionName}"


def handler(given: Json, context: LambdaContext) -> Json:
    found = context.lambdas.get(function_names.reference(given))
    return {
        "Configuration": _shapes.configuration(found.function),
        "Code": {"RepositoryType": "Stepwell"},
        "Tags": dict(found.tags) or None,
        "Concurrency": None if found.reserved is None else {"ReservedConcurrentExecutions": found.reserved},
    }
