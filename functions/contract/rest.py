"""The REST surface: the views that its handlers show, and the objects of the context that give them.

The views are frozen values, never live database rows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from stepwell.functions.contract import Json, Page

EXECUTION_STATUSES = ("IN_PROGRESS", "COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED")

TASK_STATUSES = ("PENDING", "QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED")

OPEN_TASK_STATUSES = ("QUEUED", "IN_PROGRESS", "FAILED")
"""The statuses that tasks can be counted and listed by. An index holds the tasks in each of them; to find tasks in any
other status, the database would read all that have ever run."""


@dataclass(frozen=True)
class WorkflowRow:
    """A workflow in a listing. Rows of listings hold nothing that may be large: it is not even read for them."""

    id: str
    name: str
    version: int
    created_at: datetime


@dataclass(frozen=True)
class WarningView:
    """A part of a valid definition that has no effect, or is probably a mistake; ``path`` is its place."""

    path: str
    message: str


@dataclass(frozen=True)
class WorkflowView(WorkflowRow):
    """A version of a workflow. ``warnings`` is only filled when its definition has just been stored."""

    definition: Json
    warnings: tuple[WarningView, ...] = ()


@dataclass(frozen=True)
class AttemptView:
    """One claim of a task.

    ``outcome`` is None while it runs, else COMPLETED, FAILED, TIMED_OUT, LOST, RETURNED or CANCELLED.
    """

    attempt: int
    outcome: str | None
    error: str | None
    cause: str | None
    logs: str
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class TaskRow:
    """One unit of work. ``step`` is the name of its state, ``name`` the step type that runs it."""

    id: str
    execution_id: str
    workflow: str
    name: str
    step: str
    status: str
    attempts: int
    retries: int
    losses: int
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class TaskView(TaskRow):
    """A task with its payloads."""

    data: Json
    input: Json
    result: Json
    cause: str | None
    log: Sequence[AttemptView] = ()
    """The attempts with their captured logs: all from ``tasks.get``, some from ``executions.part``, else none."""


@dataclass(frozen=True)
class ExecutionRow:
    """An execution in a listing. ``name`` is None unless its caller chose one."""

    id: str
    name: str | None
    workflow: str
    version: int
    status: str
    paused: bool
    error: str | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class ExecutionView(ExecutionRow):
    """An execution with its payloads and its tasks."""

    input: Json
    output: Json
    cause: str | None
    tasks: Sequence[TaskView] = ()
    """In the order of the definition."""


@dataclass(frozen=True)
class ExecutionPart:
    """An execution with some of its tasks. ``total`` and ``completed`` count all of its tasks."""

    execution: ExecutionView
    total: int
    completed: int


@dataclass(frozen=True)
class HistoryView:
    """One event of a history, numbered from 1."""

    id: int
    type: str
    at: datetime
    details: Mapping[str, Json]


@dataclass(frozen=True)
class FunctionView:
    """A handler, or a function created over Lambda's API, as a listing shows it."""

    name: str
    kind: str
    source: str
    summary: str
    route: str | None
    timeout_seconds: float | None
    retry: Json


class RestExecutions(Protocol):
    """Executions. All methods that take an id raise NotFound."""

    def start(
        self, workflow: str, input: Json, *, name: str | None = None, idempotency_key: str | None = None
    ) -> ExecutionRow:
        """Start an execution. It is committed when this returns.

        Raises NotFound, NameTaken, KeyReused, PayloadTooLarge.
        """

    def start_flow(self, tree: Json, *, idempotency_key: str | None = None) -> ExecutionRow:
        """Start a BullMQ-style tree as an execution of workflow ``flow:<name>``. Raises InvalidDefinition."""

    def get(self, execution_id: str) -> ExecutionView:
        """An execution with all its tasks."""

    def part(self, execution_id: str, *, skip: int, limit: int, attempts: int) -> ExecutionPart:
        """An execution with ``limit`` of its tasks, and of each task the first attempt and the last ``attempts``."""

    def list(
        self, *, workflow: str | None, status: str | None, limit: int, cursor: str | None
    ) -> Page[ExecutionRow]: ...
    def history(self, execution_id: str, *, after: int, limit: int) -> Page[HistoryView]: ...
    def cancel(self, execution_id: str) -> ExecutionRow: ...
    def pause(self, execution_id: str) -> ExecutionRow: ...
    def resume(self, execution_id: str) -> ExecutionRow: ...
    def counts(self) -> Mapping[str, int]:
        """The number of executions in each status."""


class RestWorkflows(Protocol):
    """Workflows and their versions. All methods that take a name raise NotFound."""

    def create(self, name: str, definition: Json) -> WorkflowView:
        """Store a definition as the newest version of ``name``. Raises InvalidDefinition, InvalidName."""

    def get(self, name: str) -> WorkflowView: ...
    def machine(self, name: str) -> Json:
        """The newest definition as an Amazon States Language state machine."""

    def list(self, *, limit: int, cursor: str | None) -> Page[WorkflowRow]: ...
    def versions(self, name: str, *, limit: int, cursor: str | None) -> Page[WorkflowView]: ...
    def delete(self, name: str) -> None: ...


class RestTasks(Protocol):
    """Tasks, and the answers to those that wait for a token."""

    def get(self, task_id: str) -> TaskView: ...
    def list(self, *, status: str | None, limit: int, cursor: str | None) -> Page[TaskRow]:
        """All tasks, or those in one of OPEN_TASK_STATUSES, newest first."""

    def counts(self) -> Mapping[str, int]:
        """The number of tasks in each of OPEN_TASK_STATUSES."""

    def succeed(self, token: str, output: Json) -> None:
        """Answer a waiting task token with a result. Raises InvalidToken, TaskClosed."""

    def fail(self, token: str, error: str | None, cause: str | None) -> None: ...
    def heartbeat(self, token: str) -> None: ...


class RestFunctions(Protocol):
    """Step functions and endpoints."""

    def list(self) -> Sequence[FunctionView]: ...
    def invoke(self, name: str, event: Json) -> Mapping[str, Json]:
        """Run one step function now, in a sandbox.

        Returns ``result``, or ``error`` and ``cause``; and ``logs`` and ``seconds``. A few functions run at a time and
        none for long, since other requests need the same threads. Raises NotFound, TooManyRequests.
        """

    def openapi(self) -> Mapping[str, Json]: ...


class RestArtifacts(Protocol):
    """Files that steps have written."""

    def read(self, key: str) -> tuple[bytes, str]:
        """An artifact's bytes and media type. Raises NotFound, PayloadTooLarge."""


class RestHealth(Protocol):
    """The state of this process."""

    def ready(self) -> Mapping[str, str | int]:
        """``database`` and ``queue`` are ok or away; ``lostRings`` and ``fencedResults`` are counts of this process.

        Raises Unavailable while the database is away.
        """


class ApiContext(Protocol):
    """The context of an API handler."""

    @property
    def request_id(self) -> str: ...
    @property
    def executions(self) -> RestExecutions: ...
    @property
    def workflows(self) -> RestWorkflows: ...
    @property
    def tasks(self) -> RestTasks: ...
    @property
    def functions(self) -> RestFunctions: ...
    @property
    def artifacts(self) -> RestArtifacts: ...
    @property
    def health(self) -> RestHealth: ...
    @property
    def log(self) -> logging.Logger: ...
