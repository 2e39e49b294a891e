"""What the handlers of AWS's Step Functions operations are handed besides the context of all API handlers.

The views are frozen values; times are milliseconds since the epoch, payloads are JSON text as it was given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stepwell.functions.contract import Json, Page
from stepwell.functions.contract.arns import Arn
from stepwell.functions.contract.rest import ApiContext

STANDARD, EXPRESS = "STANDARD", "EXPRESS"
STATUSES = {
    "IN_PROGRESS": "RUNNING",
    "COMPLETED": "SUCCEEDED",
    "FAILED": "FAILED",
    "TIMED_OUT": "TIMED_OUT",
    "CANCELLED": "ABORTED",
    "PENDING_REDRIVE": "PENDING_REDRIVE",
}
"""Our statuses in AWS's words."""
MOST_TAGS = 50
"""The most tags that one resource may have."""


@dataclass(frozen=True)
class MachineRow:
    arn: str
    name: str
    kind: str
    created_at: int


@dataclass(frozen=True)
class Machine(MachineRow):
    """One revision of a state machine. ``revision`` is None for the one that it was made with.

    ``options`` are roleArn and the logging, tracing and encryption configuration; ``version`` is the number it was
    published under, if it was.
    """

    definition: str
    options: Mapping[str, Json]
    revision: str | None
    revised_at: int
    version: int | None
    version_arn: str | None
    version_created_at: int | None
    description: str | None


@dataclass(frozen=True)
class DefinitionFault:
    """One thing that is wrong with a definition, and where."""

    code: str
    message: str
    location: str


@dataclass(frozen=True)
class NewMachine:
    """What a state machine is made with, or changed to: None is what is not to be changed."""

    name: str
    definition: str | None
    options: Mapping[str, Json]
    kind: str = STANDARD
    tags: Mapping[str, str] = field(default_factory=dict)
    publish: bool = False
    description: str | None = None


Routes = tuple[tuple[int, int], ...]
"""Versions with their weights in percent."""


@dataclass(frozen=True)
class AliasView:
    """An alias. ``routes`` are the ARNs of its versions with their weights in percent."""

    arn: str
    name: str
    description: str | None
    routes: tuple[tuple[str, int], ...]
    created_at: int
    updated_at: int


@dataclass(frozen=True)
class ActivityView:
    arn: str
    name: str
    created_at: int
    encryption: Mapping[str, Json]


@dataclass(frozen=True)
class ActivityTask:
    """Work for whoever fetched it: its input, and the token that answers it."""

    token: str
    input: str


@dataclass(frozen=True)
class Started:
    """An execution that was started now, or earlier by the same request. ``name`` is the one in its ARN."""

    id: str
    arn: str
    name: str
    machine_arn: str
    started_at: int


@dataclass(frozen=True)
class RunRow(Started):
    status: str
    stopped_at: int | None
    version_arn: str | None
    alias_arn: str | None
    redrives: int
    redriven_at: int | None
    map_run_arn: str | None = None
    """The Map Run that this child execution belongs to, if any."""
    items: int | None = None
    """The number of items in the input of a child execution; None outside the listing of a Map Run."""


@dataclass(frozen=True, kw_only=True)
class Run(RunRow):
    """An execution with what it was given and what came out."""

    input: str
    output: str | None
    error: str | None
    cause: str | None
    trace: str | None
    not_redrivable: str | None
    """Why the execution cannot be redriven, in AWS's words; None when it can."""


@dataclass(frozen=True)
class MapRunRow:
    """A Map Run. ``machine_arn`` names the Map as well: ``...:<machine>/<label>``."""

    arn: str
    execution_arn: str
    machine_arn: str
    started_at: int
    stopped_at: int | None


@dataclass(frozen=True)
class MapRun(MapRunRow):
    """``items`` and ``executions`` are counts by the names that AWS has for them."""

    status: str
    concurrency: int
    tolerated_percentage: float
    tolerated_count: int
    redrives: int
    redriven_at: int | None
    items: Mapping[str, int]
    executions: Mapping[str, int]


@dataclass(frozen=True)
class MapRunChanges:
    """What a map run that goes on is to heed from now on: None is what is not to be changed."""

    concurrency: int | None
    tolerated_percentage: float | None
    tolerated_count: int | None


@dataclass(frozen=True)
class QuickRun(Started):
    """An Express execution that has ended."""

    stopped_at: int
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    trace: str | None


@dataclass(frozen=True)
class Trial:
    """A state to try: all but the mock as JSON text. ``state`` names it when the definition is a whole machine."""

    definition: str
    state: str | None
    input: str
    variables: str
    context: str | None
    mock: Mapping[str, Json] | None
    retries: int
    reveals_secrets: bool = False
    caused_by: str | None = None
    """The state inside a Map or Parallel state in which the mock's error arose."""
    failures: int | None = None
    """How many items of a Map failed."""
    reader_data: str | None = None
    """What a Map's ItemReader read, as it stands in its source."""


@dataclass(frozen=True)
class Tried:
    """What became of it, in AWS's words; ``data`` is JSON text."""

    status: str
    output: str | None
    error: str | None
    cause: str | None
    next: str | None
    data: Mapping[str, str | int | float]
    details: Mapping[str, Json]


class Machines(Protocol):
    def create(self, wanted: NewMachine) -> Machine:
        """Make a state machine, or find it made just so before.

        Raises InvalidDefinition, InvalidName, StateMachineAlreadyExists.
        """

    def faults(self, definition: str, kind: str) -> Sequence[DefinitionFault]:
        """What is wrong with a definition; nothing when it could be stored."""

    def warnings(self, definition: str) -> Sequence[DefinitionFault]:
        """What a definition that could be stored says in vain."""

    def update(self, arn: Arn, wanted: NewMachine) -> Machine:
        """Give a state machine a new revision. Raises InvalidDefinition, StateMachineDoesNotExist."""

    def get(self, arn: Arn) -> Machine:
        """The newest revision, or the one that the ARN's version or alias names. Raises StateMachineDoesNotExist."""

    def list(self, *, limit: int, cursor: str | None) -> Page[MachineRow]: ...
    def delete(self, arn: Arn) -> None:
        """Let a state machine be gone, with its versions and aliases. One that is not there is gone already."""


class Versions(Protocol):
    def publish(self, arn: Arn, revision: str | None, description: str | None) -> Machine:
        """Give the newest revision a version number, or find the one it has. Raises ConflictException."""

    def list(self, arn: Arn, *, limit: int, cursor: str | None) -> Page[Machine]: ...
    def delete(self, arn: Arn) -> None:
        """Raises ConflictException while an alias leads to it. One that is not there is gone already."""


class Aliases(Protocol):
    def create(self, machine: str, name: str, routes: Routes, description: str | None) -> AliasView:
        """Make an alias, or find it made just so before. Raises ResourceNotFound, ConflictException."""

    def update(self, arn: Arn, routes: Routes | None, description: str | None) -> AliasView:
        """Change what is not None. Raises ResourceNotFound."""

    def get(self, arn: Arn) -> AliasView: ...
    def list(self, arn: Arn, *, limit: int, cursor: str | None) -> Page[AliasView]: ...
    def delete(self, arn: Arn) -> None: ...


class Tags(Protocol):
    """Tags of state machines and activities. Both raise ResourceNotFound."""

    def get(self, arn: Arn) -> Mapping[str, str]: ...
    def change(self, arn: Arn, *, add: Mapping[str, str], remove: Collection[str]) -> None:
        """Raises TooManyTags."""


class Activities(Protocol):
    def create(self, name: str, encryption: Mapping[str, Json], tags: Mapping[str, str]) -> ActivityView:
        """Make an activity, or find it. Raises InvalidName, ActivityAlreadyExists."""

    def get(self, arn: Arn) -> ActivityView:
        """Raises ActivityDoesNotExist."""

    def list(self, *, limit: int, cursor: str | None) -> Page[ActivityView]: ...
    def delete(self, arn: Arn) -> None:
        """Let it be gone. One that is not there is gone already."""

    def next_task(self, arn: Arn, worker: str | None) -> ActivityTask | None:
        """A task that nobody has fetched, waited for; None when there was none. Raises ActivityDoesNotExist."""


class Runs(Protocol):
    def start(self, arn: Arn, *, name: str | None, input: str, trace: str | None) -> Started:
        """Start an execution; committed when this returns.

        Raises StateMachineDoesNotExist, ExecutionAlreadyExists, InvalidName, InvalidExecutionInput.
        """

    def stop(self, arn: Arn, error: str | None, cause: str | None) -> int:
        """End an execution; when it ended. Raises ExecutionDoesNotExist."""

    def redrive(self, arn: Arn, token: str | None) -> int:
        """Let an execution go on that ended without success; when it did.

        Raises ExecutionDoesNotExist, ExecutionNotRedrivable.
        """

    def get(self, arn: Arn) -> Run:
        """Raises ExecutionDoesNotExist."""

    def machine(self, arn: Arn) -> Machine:
        """The revision that an execution runs. Raises ExecutionDoesNotExist."""

    def list(
        self, arn: Arn, *, status: str | None, redriven: bool | None, limit: int, cursor: str | None
    ) -> Page[RunRow]:
        """A state machine's executions, or those of one of its versions or aliases, newest first.

        Raises StateMachineDoesNotExist, StateMachineTypeNotSupported.
        """

    def history(
        self, arn: Arn, *, limit: int, cursor: str | None, reverse: bool, with_data: bool
    ) -> Page[Mapping[str, Json]]:
        """An execution's events as AWS words them. Raises ExecutionDoesNotExist."""


class MapRuns(Protocol):
    """Map runs. All raise ResourceNotFound, but ``of`` ExecutionDoesNotExist."""

    def get(self, arn: Arn) -> MapRun: ...
    def of(self, arn: Arn, *, limit: int, cursor: str | None) -> Page[MapRunRow]:
        """Those of an execution, newest first."""

    def update(self, arn: Arn, changes: MapRunChanges) -> None:
        """Raises ValidationException when the run does not go on."""

    def executions(
        self, arn: Arn, *, status: str | None, redriven: bool | None, limit: int, cursor: str | None
    ) -> Page[RunRow]:
        """The executions of a run, newest first."""


class QuickRuns(Protocol):
    def run(self, arn: Arn, *, name: str | None, input: str, trace: str | None) -> QuickRun:
        """Run an Express execution to its end, here and now, leaving no trace.

        Raises StateMachineTypeNotSupported, StateMachineDoesNotExist, InvalidName, InvalidExecutionInput.
        """


class Trials(Protocol):
    def run(self, wanted: Trial) -> Tried:
        """Try a state. Raises InvalidDefinition, InvalidExecutionInput, ValidationException."""


class Tokens(Protocol):
    """Answers to tasks by their tokens. All raise InvalidToken, TaskDoesNotExist, TaskTimedOut."""

    def succeed(self, token: str, output: str) -> None:
        """Raises InvalidOutput besides."""

    def fail(self, token: str, error: str | None, cause: str | None) -> None: ...
    def heartbeat(self, token: str) -> None: ...


class SfnContext(ApiContext, Protocol):
    """What a handler of a Step Functions operation is handed."""

    @property
    def machines(self) -> Machines: ...
    @property
    def versions(self) -> Versions: ...
    @property
    def aliases(self) -> Aliases: ...
    @property
    def tags(self) -> Tags: ...
    @property
    def activities(self) -> Activities: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def map_runs(self) -> MapRuns: ...
    @property
    def quick_runs(self) -> QuickRuns: ...
    @property
    def trials(self) -> Trials: ...
    @property
    def tokens(self) -> Tokens: ...
