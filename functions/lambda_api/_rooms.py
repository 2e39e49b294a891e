"""What the handlers of AWS Lambda's operations are handed besides the context of all API handlers.

The views are frozen values; times are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from functions.contract import ApiContext, Page
from functions.lambda_api._names import Reference

Json = Any


@dataclass(frozen=True)
class Function:
    """One version of a function. ``options`` are the members of its configuration that a caller may choose."""

    name: str
    version: str
    options: Mapping[str, Json]
    code_size: int
    code_sha256: str
    modified_at: int
    revision: str
    qualifier: str | None = None
    """What stands at the end of its ARN."""


@dataclass(frozen=True)
class Found:
    """A function with what belongs to all its versions."""

    function: Function
    tags: Mapping[str, str] = field(default_factory=dict)
    reserved: int | None = None


@dataclass(frozen=True)
class Call:
    """An invocation: ``payload`` is the event's JSON text."""

    payload: str
    request_id: str
    client_context: Json = None


@dataclass(frozen=True)
class Ended:
    """What became of an invocation. ``payload`` is JSON text, the error's where ``failed``."""

    payload: str
    failed: bool
    version: str
    logs: str


class Lambdas(Protocol):
    """Functions as AWS Lambda's API knows them. What names one that is not there raises ResourceNotFoundException."""

    def get(self, function: Reference) -> Found: ...
    def list(self, *, all_versions: bool, limit: int, cursor: str | None) -> Page[Function]: ...
    def invoke(self, function: Reference, call: Call) -> Ended:
        """Run a function now, in a sandbox of this process. Raises TooManyRequestsException, ServiceException."""


class LambdaContext(ApiContext, Protocol):
    """What a handler of a Lambda operation is handed."""

    lambdas: Lambdas
