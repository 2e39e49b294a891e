"""GetAccountSettings: show the account's limits and how much of them is used."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.lambda_ import LambdaContext

ROUTE = "GET /2016-08-19/account-settings"
CONCURRENT = 1000
"""AWS's default for an account: nothing here holds all functions together to it."""
CODE_BYTES = 80_530_636_800
UNZIPPED_BYTES, ZIPPED_BYTES = 262_144_000, 52_428_800


def handler(given: Json, context: LambdaContext) -> Json:
    usage = context.lambdas.usage()
    return {
        "AccountLimit": {
            "TotalCodeSize": CODE_BYTES,
            "CodeSizeUnzipped": UNZIPPED_BYTES,
            "CodeSizeZipped": ZIPPED_BYTES,
            "ConcurrentExecutions": CONCURRENT,
            "UnreservedConcurrentExecutions": max(0, CONCURRENT - usage.reserved),
        },
        "AccountUsage": {"TotalCodeSize": usage.code_bytes, "FunctionCount": usage.functions},
    }
