"""The contract of AWS Lambda's operations: views, and the further objects of the context.

The views are frozen values; times are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stepwell.functions.contract import Json, Page
from stepwell.functions.contract.function_names import FunctionReference
from stepwell.functions.contract.rest import ApiContext

DEFAULT_OPTIONS: Mapping[str, Json] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
    "Architectures": ["x86_64"],
}
"""The options of a function that was created without them."""


@dataclass(frozen=True)
class FunctionConfiguration:
    """One version of a function. ``options`` are the members of its configuration that a caller may choose."""

    arn: str
    name: str
    version: str
    options: Mapping[str, Json]
    code_size: int
    code_sha256: str
    modified_at: int
    revision: str


@dataclass(frozen=True)
class FoundFunction:
    """A function with the members that all its versions share."""

    function: FunctionConfiguration
    tags: Mapping[str, str] = field(default_factory=dict)
    reserved: int | None = None


@dataclass(frozen=True)
class NewFunction:
    """A function to create. ``code`` is a zip."""

    name: str
    options: Mapping[str, Json]
    code: bytes
    tags: Mapping[str, str]
    publish: bool


@dataclass(frozen=True)
class Update:
    """A change of a function's $LATEST; None leaves a member as it is. ``options`` makes new options from the old."""

    options: Callable[[dict[str, Json]], Mapping[str, Json]] | None = None
    code: bytes | None = None
    revision: str | None = None
    publish: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class AliasConfiguration:
    """A name for a version of a function. ``weights`` maps other versions to the share of calls they get instead."""

    alias: str
    version: str
    weights: Mapping[str, float]
    description: str = ""
    arn: str = ""
    revision: str = ""


@dataclass(frozen=True)
class LambdaCall:
    """An invocation: ``payload`` is the event's JSON text."""

    payload: str
    request_id: str
    client_context: Json = None


@dataclass(frozen=True)
class Ended:
    """The result of an invocation. ``payload`` is JSON text: the result, or the error if ``failed``."""

    payload: str
    failed: bool
    version: str
    logs: str


@dataclass(frozen=True)
class Usage:
    """The number of functions, the bytes of their zips, and the concurrent invocations reserved for them."""

    functions: int
    code_bytes: int
    reserved: int


class Lambdas(Protocol):
    """Functions as AWS Lambda's API knows them.

    Every method with a FunctionReference raises ResourceNotFoundException if the function does not exist.
    """

    def get(self, function: FunctionReference) -> FoundFunction: ...
    def list(self, *, all_versions: bool, limit: int, cursor: str | None) -> Page[FunctionConfiguration]: ...
    def versions(
        self, function: FunctionReference, *, limit: int, cursor: str | None
    ) -> Page[FunctionConfiguration]: ...
    def create(self, wanted: NewFunction) -> FunctionConfiguration:
        """Store a function. Raises InvalidParameterValueException, ResourceConflictException."""

    def update(self, function: FunctionReference, change: Update) -> FunctionConfiguration:
        """Change $LATEST. Raises InvalidParameterValueException, PreconditionFailedException."""

    def publish(
        self,
        function: FunctionReference,
        sha256: str | None = None,
        description: str | None = None,
        revision: str | None = None,
    ) -> FunctionConfiguration:
        """Publish $LATEST as a version that never changes; the last version again if $LATEST is equal to it."""

    def delete(self, function: FunctionReference) -> None:
        """Delete a function, or one of its versions. Raises ResourceConflictException."""

    def reserve(self, function: FunctionReference, reserved: int | None) -> None:
        """Limit the function's concurrent invocations; None removes the limit."""

    def tag(self, function: FunctionReference, added: Mapping[str, str], removed: Iterable[str] = ()) -> None: ...
    def usage(self) -> Usage: ...
    def invoke(self, function: FunctionReference, call: LambdaCall) -> Ended:
        """Run a function now, in a sandbox of this process. Raises TooManyRequestsException, ServiceException."""


class FunctionAliases(Protocol):
    """Names for versions.

    All raise ResourceNotFoundException if the function, the version or the alias does not exist;
    ``create`` and ``update`` raise InvalidParameterValueException for an alias that makes no sense.
    """

    def create(self, function: FunctionReference, wanted: AliasConfiguration) -> AliasConfiguration:
        """Raises ResourceConflictException."""

    def get(self, function: FunctionReference, alias: str) -> AliasConfiguration: ...
    def update(
        self, function: FunctionReference, alias: str, changes: Mapping[str, Json], revision: str | None
    ) -> AliasConfiguration:
        """Change the members in ``changes``. Raises PreconditionFailedException."""

    def delete(self, function: FunctionReference, alias: str) -> None: ...
    def list(
        self, function: FunctionReference, *, version: str | None, limit: int, cursor: str | None
    ) -> Page[AliasConfiguration]: ...


@dataclass(frozen=True)
class EventRules:
    """The rules for a function's asynchronous events. None is the default. Destinations are ARNs."""

    retries: int | None = None
    max_age: int | None = None
    on_success: str | None = None
    on_failure: str | None = None
    modified_at: int = 0
    arn: str = ""
    """The ARN of the function, version or alias that the rules are for."""


class Events(Protocol):
    """Asynchronous invocations. All raise ResourceNotFoundException."""

    def send(self, function: FunctionReference, call: LambdaCall) -> None:
        """Accept an event. It is committed when this returns. Raises InvalidRequestContentException."""

    def rules(self, function: FunctionReference) -> EventRules: ...
    def set_rules(self, function: FunctionReference, rules: EventRules) -> EventRules:
        """Replace the rules. Raises InvalidParameterValueException."""

    def change_rules(self, function: FunctionReference, changes: Mapping[str, Json]) -> EventRules:
        """Replace only these members of the rules. Raises InvalidParameterValueException."""

    def drop_rules(self, function: FunctionReference) -> None: ...
    def list(self, function: FunctionReference, *, limit: int, cursor: str | None) -> Page[EventRules]:
        """The rules of a function's versions and aliases, in the order of their qualifiers."""


@dataclass(frozen=True)
class Policy:
    """A function's policy as JSON text; each change gives it another ``revision``."""

    text: str
    revision: str


class Policies(Protocol):
    """Resource policies. They are stored and shown, but never enforced. All raise ResourceNotFoundException."""

    def add(self, function: FunctionReference, statement: Json, revision: str | None) -> Json:
        """Store a statement; returns it with the function's ARN as its ``Resource``.

        Raises ResourceConflictException, PolicyLengthExceededException, PreconditionFailedException.
        """

    def get(self, function: FunctionReference) -> Policy: ...
    def remove(self, function: FunctionReference, statement_id: str, revision: str | None) -> None:
        """Raises PreconditionFailedException."""


class LambdaContext(ApiContext, Protocol):
    """The context of a Lambda operation."""

    @property
    def lambdas(self) -> Lambdas: ...
    @property
    def lambda_aliases(self) -> FunctionAliases: ...
    @property
    def lambda_events(self) -> Events: ...
    @property
    def lambda_policies(self) -> Policies: ...
