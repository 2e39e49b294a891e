"""The errors of AWS Lambda's API. The name of a class is its code on the wire, its docstring the default message.

Source: "Errors" of each operation in the Lambda API reference, for codes, statuses and the choice of ``Message`` or
``message``. The wording is AWS's wherever AWS was seen to answer so.
"""

from __future__ import annotations

from typing import Any

from stepwell.functions.errors import StepwellError


class LambdaError(StepwellError):
    """Something went wrong."""

    status = 400
    kind = "User"
    word = "message"

    def __init__(self, message: str | None = None, **members: Any) -> None:
        super().__init__(message)
        self.code = type(self).__name__
        self.members = members

    @property
    def body(self) -> dict[str, Any]:
        return {"Type": self.kind, self.word: self.message, **self.members}


class InvalidParameterValueException(LambdaError):
    """One of the parameters in the request is not valid."""


class InvalidRequestContentException(LambdaError):
    """The request body could not be parsed as JSON."""


class ValidationException(LambdaError):
    """The input does not satisfy the constraints."""


class SerializationException(LambdaError):
    """The request is not JSON."""


class ResourceNotFoundException(LambdaError):
    """The resource specified in the request does not exist."""

    status = 404
    word = "Message"


class UnknownOperationException(LambdaError):
    """The operation is unknown."""

    status = 404


class ResourceConflictException(LambdaError):
    """The resource already exists, or another operation is in progress."""

    status = 409


class PolicyLengthExceededException(LambdaError):
    """The permissions policy for the resource is too large."""


class PreconditionFailedException(LambdaError):
    """The RevisionId provided does not match the latest RevisionId for the Lambda function or alias."""

    status = 412


class RequestTooLargeException(LambdaError):
    """The request payload exceeded the limit."""

    status = 413


class TooManyRequestsException(LambdaError):
    """Rate Exceeded."""

    status = 429

    @property
    def headers(self) -> dict[str, str]:
        return {"retry-after": "1"}


class ServiceException(LambdaError):
    """The service encountered an internal error."""

    status = 500
    kind = "Service"
    word = "Message"


class ServiceUnavailableException(LambdaError):
    """The database is away for the moment. What was to be changed may have been changed all the same. Try again."""

    status = 503
    kind = "Service"

    @property
    def headers(self) -> dict[str, str]:
        return {"retry-after": "1"}
