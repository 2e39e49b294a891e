"""The errors of Step Functions' API. The name of a class is its code on the wire, its docstring the default message.

Source: "Errors" of each operation in AWS's API reference. The wording is AWS's wherever AWS was seen to answer so.
"""

from __future__ import annotations

from stepwell.functions.errors import StepwellError


class AwsError(StepwellError):
    """Something went wrong."""

    status = 400

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message)
        self.code = type(self).__name__


class InternalFailure(AwsError):
    """The request processing has failed because of an unknown error, exception or failure."""

    status = 500


class ServiceUnavailable(AwsError):
    """The database is away for the moment. What was to be changed may have been changed all the same. Try again."""

    status = 503


class UnknownOperationException(AwsError):
    """The operation is unknown."""


class SerializationException(AwsError):
    """The request is not JSON."""


class ValidationException(AwsError):
    """The input does not satisfy the constraints."""


class RequestEntityTooLarge(AwsError):
    """The request is larger than the limit."""

    status = 413


class ThrottlingException(AwsError):
    """Rate exceeded."""


class InvalidArn(AwsError):
    """The ARN does not name a resource of this type."""


class InvalidName(AwsError):
    """The name is not valid."""


class InvalidDefinition(AwsError):
    """The definition is invalid."""


class InvalidExecutionInput(AwsError):
    """The input is not JSON."""


class InvalidOutput(AwsError):
    """The output is not JSON."""


class InvalidToken(AwsError):
    """No task has this token."""


class InvalidLoggingConfiguration(AwsError):
    """The logging configuration is not valid."""


class InvalidEncryptionConfiguration(AwsError):
    """The encryption configuration is not valid."""


class MissingRequiredParameter(AwsError):
    """A parameter is missing."""


class StateMachineDoesNotExist(AwsError):
    """The state machine does not exist."""


class StateMachineAlreadyExists(AwsError):
    """A state machine with this name and another definition or configuration exists."""


class StateMachineTypeNotSupported(AwsError):
    """State machines of this type do not support the operation."""


class ExecutionDoesNotExist(AwsError):
    """The execution does not exist."""


class ExecutionAlreadyExists(AwsError):
    """The execution has the same name as another one, but a different input, or the other one has ended."""


class ExecutionNotRedrivable(AwsError):
    """The execution cannot be redriven."""


class ActivityDoesNotExist(AwsError):
    """The activity does not exist."""


class ActivityAlreadyExists(AwsError):
    """An activity with this name and another configuration exists."""


class TaskTimedOut(AwsError):
    """The task token has either expired or the task associated with the token has already been closed."""


class ResourceNotFound(AwsError):
    """The resource does not exist."""


class TooManyTags(AwsError):
    """A resource has at most 50 tags."""


class ConflictException(AwsError):
    """The resource is in use, or was changed meanwhile."""


class ServiceQuotaExceededException(AwsError):
    """The request would take the resource over its quota."""
