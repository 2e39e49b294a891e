"""The contract of Step Functions' operations: views, and the further objects of the context.

The views are frozen values; times are milliseconds since the epoch, payloads are JSON text as it was given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stepwell.functions.contract import Json, Page
from stepwell.functions.contract.arns import Arn
from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.contract.state_tests import StateTests

STANDARD, EXPRESS = "STANDARD", "EXPRESS"
STATUSES = {
    "IN_PROGRESS": "RUNNING",
    "COMPLETED": "SUCCEEDED",
    "FAILED": "FAILED",
    "TIMED_OUT": "TIMED_OUT",
    "CANCELLED": "ABORTED",
    "PENDING_REDRIVE": "PENDING_REDRIVE",
}
"""AWS's words for our statuses."""
MOST_TAGS = 50
"""The most tags that one resource may have."""


@dataclass(frozen=True)
class MachineRow:
    """A state machine in a listing."""

    arn: str
    name: str
    kind: str
    created_at: int


@dataclass(frozen=True)
class Machine(MachineRow):
    """One revision of a state machine. ``revision`` is None for the first one.

    ``options`` are roleArn and the logging, tracing and encryption configuration; ``version`` is its
    number if it was published.
    """

    definition: str
    options: Mapping[str, Json]
    revision: str | None
    revised_at: int
    version: int | None
    version_arn: str | None
    version_created_at: int | None
    description: str | None
    variables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The variables that each state reads. Only a description of the state machine has them."""


@dataclass(frozen=True)
class DefinitionFault:
    """One fault of a definition; ``location`` is its place."""

    code: str
    message: str
    location: str


@dataclass(frozen=True)
class NewMachine:
    """A state machine to create, or the changes of one; None leaves a member as it is."""

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
    """An activity. ``encryption`` is its encryption configuration."""

    arn: str
    name: str
    created_at: int
    encryption: Mapping[str, Json]


@dataclass(frozen=True)
class ActivityTask:
    """A task for an activity worker: its input, and the token to answer it with."""

    token: str
    input: str


@dataclass(frozen=True)
class StartedExecution:
    """An execution that was started now, or earlier by the same request. ``name`` is the one in its ARN."""

    id: str
    arn: str
    name: str
    machine_arn: str
    started_at: int


@dataclass(frozen=True)
class ExecutionListItem(StartedExecution):
    """An execution in a listing. ``status`` is ours."""

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
class ExecutionDescription(ExecutionListItem):
    """An execution with its input and its result."""

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
    """A Map Run with its progress. ``items`` and ``executions`` map AWS's names of counts to the counts."""

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
    """New limits for a Map Run in progress; None leaves a limit as it is."""

    concurrency: int | None
    tolerated_percentage: float | None
    tolerated_count: int | None


@dataclass(frozen=True)
class ExpressExecutionView(StartedExecution):
    """An Express execution that has ended."""

    stopped_at: int
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    trace: str | None


class Machines(Protocol):
    """State machines."""

    def create(self, wanted: NewMachine) -> Machine:
        """Create a state machine; an equal one that exists is returned as it is.

        Raises InvalidDefinition, InvalidName, StateMachineAlreadyExists.
        """

    def faults(self, definition: str, kind: str) -> Sequence[DefinitionFault]:
        """The faults of a definition; none if it can be stored."""

    def warnings(self, definition: str) -> Sequence[DefinitionFault]:
        """The warnings for a definition that can be stored."""

    def update(self, arn: Arn, wanted: NewMachine) -> Machine:
        """Give a state machine a new revision. Raises InvalidDefinition, StateMachineDoesNotExist."""

    def get(self, arn: Arn) -> Machine:
        """The newest revision, or the one behind the version or alias in the ARN. Raises StateMachineDoesNotExist."""

    def list(self, *, limit: int, cursor: str | None) -> Page[MachineRow]: ...
    def delete(self, arn: Arn) -> None:
        """Delete a state machine with its versions and aliases. Deleting one that does not exist succeeds."""


class Versions(Protocol):
    """Published versions of state machines."""

    def publish(self, arn: Arn, revision: str | None, description: str | None) -> Machine:
        """Publish the newest revision; one that is published keeps its number. Raises ConflictException."""

    def list(self, arn: Arn, *, limit: int, cursor: str | None) -> Page[Machine]: ...
    def delete(self, arn: Arn) -> None:
        """Delete a version; one that does not exist is no error. Raises ConflictException while an alias uses it."""


class MachineAliases(Protocol):
    """Aliases of state machines."""

    def create(self, machine: str, name: str, routes: Routes, description: str | None) -> AliasView:
        """Create an alias; an equal one that exists is returned. Raises ResourceNotFound, ConflictException."""

    def update(self, arn: Arn, routes: Routes | None, description: str | None) -> AliasView:
        """Change the members that are not None. Raises ResourceNotFound."""

    def get(self, arn: Arn) -> AliasView: ...
    def list(self, arn: Arn, *, limit: int, cursor: str | None) -> Page[AliasView]: ...
    def delete(self, arn: Arn) -> None: ...


class Tags(Protocol):
    """Tags of state machines and activities. Both raise ResourceNotFound."""

    def get(self, arn: Arn) -> Mapping[str, str]: ...
    def change(self, arn: Arn, *, add: Mapping[str, str], remove: Collection[str]) -> None:
        """Raises TooManyTags."""


class Activities(Protocol):
    """Activities, and the tasks that wait for their workers."""

    def create(self, name: str, encryption: Mapping[str, Json], tags: Mapping[str, str]) -> ActivityView:
        """Create an activity; an equal one that exists is returned. Raises InvalidName, ActivityAlreadyExists."""

    def get(self, arn: Arn) -> ActivityView:
        """Raises ActivityDoesNotExist."""

    def list(self, *, limit: int, cursor: str | None) -> Page[ActivityView]: ...
    def delete(self, arn: Arn) -> None:
        """Delete an activity. Deleting one that does not exist succeeds."""

    def next_task(self, arn: Arn, worker: str | None) -> ActivityTask | None:
        """Wait for a task of the activity; None if none came in time. Raises ActivityDoesNotExist."""


class MachineExecutions(Protocol):
    """Executions of state machines."""

    def start(self, arn: Arn, *, name: str | None, input: str, trace: str | None) -> StartedExecution:
        """Start an execution. It is committed when this returns.

        Raises StateMachineDoesNotExist, ExecutionAlreadyExists, InvalidName, InvalidExecutionInput.
        """

    def stop(self, arn: Arn, error: str | None, cause: str | None) -> int:
        """End an execution. Returns the time of its end. Raises ExecutionDoesNotExist."""

    def redrive(self, arn: Arn, token: str | None) -> int:
        """Redrive an execution that ended without success. Returns the time of the redrive.

        Raises ExecutionDoesNotExist, ExecutionNotRedrivable.
        """

    def get(self, arn: Arn) -> ExecutionDescription:
        """Raises ExecutionDoesNotExist."""

    def machine(self, arn: Arn) -> Machine:
        """The revision that an execution runs. Raises ExecutionDoesNotExist."""

    def list(
        self, arn: Arn, *, status: str | None, redriven: bool | None, limit: int, cursor: str | None
    ) -> Page[ExecutionListItem]:
        """The executions of a state machine, or of one of its versions or aliases, newest first.

        Raises StateMachineDoesNotExist, StateMachineTypeNotSupported.
        """

    def history(
        self, arn: Arn, *, limit: int, cursor: str | None, reverse: bool, with_data: bool
    ) -> Page[Mapping[str, Json]]:
        """The events of an execution in AWS's words. Raises ExecutionDoesNotExist."""


class MapRuns(Protocol):
    """Map Runs. All raise ResourceNotFound; only ``of`` raises ExecutionDoesNotExist instead."""

    def get(self, arn: Arn) -> MapRun: ...
    def of(self, arn: Arn, *, limit: int, cursor: str | None) -> Page[MapRunRow]:
        """The Map Runs of an execution, newest first."""

    def update(self, arn: Arn, changes: MapRunChanges) -> None:
        """Change the limits of a Map Run. Raises ValidationException if it has ended."""

    def executions(
        self, arn: Arn, *, status: str | None, redriven: bool | None, limit: int, cursor: str | None
    ) -> Page[ExecutionListItem]:
        """The child executions of a Map Run, newest first."""


class ExpressExecutions(Protocol):
    """Express executions that run while the caller waits."""

    def run(self, arn: Arn, *, name: str | None, input: str, trace: str | None) -> ExpressExecutionView:
        """Run an Express execution to its end in this process. Nothing of it is stored.

        Raises StateMachineTypeNotSupported, StateMachineDoesNotExist, InvalidName, InvalidExecutionInput.
        """


class TaskTokens(Protocol):
    """Answers to tasks by their tokens. All raise InvalidToken, TaskTimedOut."""

    def succeed(self, token: str, output: str) -> None:
        """Complete the task. Raises InvalidOutput as well."""

    def fail(self, token: str, error: str | None, cause: str | None) -> None: ...
    def heartbeat(self, token: str) -> None: ...


class SfnContext(ApiContext, Protocol):
    """The context of a Step Functions operation."""

    @property
    def machines(self) -> Machines: ...
    @property
    def versions(self) -> Versions: ...
    @property
    def aliases(self) -> MachineAliases: ...
    @property
    def tags(self) -> Tags: ...
    @property
    def activities(self) -> Activities: ...
    @property
    def sfn_executions(self) -> MachineExecutions: ...
    @property
    def map_runs(self) -> MapRuns: ...
    @property
    def express_executions(self) -> ExpressExecutions: ...
    @property
    def state_tests(self) -> StateTests: ...
    @property
    def task_tokens(self) -> TaskTokens: ...
