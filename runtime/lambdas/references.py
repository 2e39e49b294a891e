"""The ARN of a function that a caller names, and the error for one that does not exist."""

from __future__ import annotations

from stepwell.functions.contract.function_names import FunctionReference
from stepwell.functions.errors.lambda_ import ResourceNotFoundException
from stepwell.runtime.engine.values import arns


def arn_of(function: FunctionReference) -> str:
    """The ARN of the function, with the qualifier it was named by."""
    return arns.function(function.name, function.qualifier)


def unknown(function: FunctionReference) -> ResourceNotFoundException:
    """The error for a function that does not exist."""
    return ResourceNotFoundException(f"Function not found: {arn_of(function)}")
