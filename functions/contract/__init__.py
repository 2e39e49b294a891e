"""What a handler is: ``handler(event, context)``, and what both arguments hold.

A *step handler* gets a step event and Lambda's own context, nothing of ours: it runs on AWS Lambda as it is.
An *API handler* gets an API Gateway HTTP API (payload 2.0) event and an :class:`ApiContext`, its only way to the world.
The views below are what the context's rooms answer with: frozen values, never live database rows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from stepwell.functions.errors import InvalidRequest

Json = Any
"""What ``json.loads`` gives: dict, list, str, int, float, bool or None."""

Event = Mapping[str, Any]
Response = dict[str, Any]
Row = TypeVar("Row")

EXECUTION_STATUSES = ("IN_PROGRESS", "COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED")
TASK_STATUSES = ("PENDING", "QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED")
OPEN_TASK_STATUSES = ("QUEUED", "IN_PROGRESS", "FAILED")
"""Those that somebody may have to see to. Tasks are counted and listed by these alone: an index knows each of them,
while the others would be looked for among all that have ever run."""
ACCOUNT, REGION = "123456789012", "us-east-1"
"""What stands in every ARN that is made here."""
ROLE = f"arn:aws:iam::{ACCOUNT}:role/stepwell"
"""The role of what was made without one; nothing comes of it here."""
_MOST_DIGITS = 18


class Context(Protocol):
    """AWS Lambda's context object, as a step handler sees it."""

    aws_request_id: str
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    invoked_function_arn: str
    log_group_name: str
    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """How long this invocation may still run, in milliseconds, never below 0."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a listing; ``next`` is the cursor of the page after it, or None on the last."""

    items: Sequence[Row]
    next: str | None = None


def page_of(
    rows: Sequence[Any], limit: int, key: Callable[[Any], Any], view: Callable[[Any], Any] | None = None
) -> Page[Any]:
    """The first ``limit`` of the rows; where there is one more, the cursor is the key of the last that is shown."""
    shown = rows[:limit]
    following = str(key(shown[-1])) if len(rows) > limit else None
    return Page(list(shown) if view is None else [view(row) for row in shown], following)


@dataclass(frozen=True)
class WorkflowRow:
    """A workflow in a listing. What may be large is not even read for one: so with tasks and executions."""

    id: str
    name: str
    version: int
    created_at: datetime


@dataclass(frozen=True)
class WarningView:
    """What a definition says that nothing comes of, and where it says it."""

    path: str
    message: str


@dataclass(frozen=True)
class WorkflowView(WorkflowRow):
    """``warnings`` are those of a definition that was stored just now."""

    definition: Json
    warnings: tuple[WarningView, ...] = ()


@dataclass(frozen=True)
class AttemptView:
    """One claim of a task. ``outcome``: None while it runs, else COMPLETED FAILED TIMED_OUT LOST RETURNED CANCELLED."""

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
    data: Json
    input: Json
    result: Json
    cause: str | None
    log: Sequence[AttemptView] = ()
    """Its attempts with their captured logs; filled by ``tasks.get``, and by ``executions.part`` with some of them."""


@dataclass(frozen=True)
class ExecutionRow:
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
    input: Json
    output: Json
    cause: str | None
    tasks: Sequence[TaskView] = ()
    """In the order of the definition."""


@dataclass(frozen=True)
class ExecutionPart:
    """An execution with some of its tasks. ``total`` is how many it has, ``completed`` how many of them are."""

    execution: ExecutionView
    total: int
    completed: int


@dataclass(frozen=True)
class HistoryView:
    id: int
    type: str
    at: datetime
    details: Mapping[str, Json]


@dataclass(frozen=True)
class FunctionView:
    name: str
    kind: str
    source: str
    summary: str
    route: str | None
    timeout_seconds: float | None
    retry: Json


class Executions(Protocol):
    def start(
        self, workflow: str, input: Json, *, name: str | None = None, idempotency_key: str | None = None
    ) -> ExecutionRow:
        """Start one execution; committed when this returns. Raises NotFound, NameTaken, KeyReused, PayloadTooLarge."""

    def start_flow(self, tree: Json, *, idempotency_key: str | None = None) -> ExecutionRow:
        """Start a BullMQ-style tree as an execution of workflow ``flow:<name>``. Raises InvalidDefinition."""

    def get(self, execution_id: str) -> ExecutionView:
        """An execution with all its tasks."""

    def part(self, execution_id: str, *, skip: int, limit: int, attempts: int) -> ExecutionPart:
        """An execution with so many of its tasks, of each its first attempt and so many of the last."""

    def list(
        self, *, workflow: str | None, status: str | None, limit: int, cursor: str | None
    ) -> Page[ExecutionRow]: ...
    def history(self, execution_id: str, *, after: int, limit: int) -> Page[HistoryView]: ...
    def cancel(self, execution_id: str) -> ExecutionRow: ...
    def pause(self, execution_id: str) -> ExecutionRow: ...
    def resume(self, execution_id: str) -> ExecutionRow: ...
    def counts(self) -> Mapping[str, int]:
        """How many executions stand in each status."""


class Workflows(Protocol):
    def create(self, name: str, definition: Json) -> WorkflowView:
        """Store a definition as the newest version of ``name``. Raises InvalidDefinition, InvalidName."""

    def get(self, name: str) -> WorkflowView: ...
    def machine(self, name: str) -> Json:
        """The newest definition as an Amazon States Language state machine."""

    def list(self, *, limit: int, cursor: str | None) -> Page[WorkflowRow]: ...
    def versions(self, name: str, *, limit: int, cursor: str | None) -> Page[WorkflowView]: ...
    def delete(self, name: str) -> None: ...


class Tasks(Protocol):
    def get(self, task_id: str) -> TaskView: ...
    def list(self, *, status: str | None, limit: int, cursor: str | None) -> Page[TaskRow]:
        """All tasks, or those in one of OPEN_TASK_STATUSES, newest first."""

    def counts(self) -> Mapping[str, int]:
        """How many tasks stand in each of OPEN_TASK_STATUSES."""

    def succeed(self, token: str, output: Json) -> None:
        """Answer a waiting task token with a result. Raises InvalidToken, TaskClosed."""

    def fail(self, token: str, error: str | None, cause: str | None) -> None: ...
    def heartbeat(self, token: str) -> None: ...


class Functions(Protocol):
    def list(self) -> Sequence[FunctionView]: ...
    def invoke(self, name: str, event: Json) -> Mapping[str, Json]:
        """Run one step function now, in a sandbox: ``result``, or ``error`` and ``cause``; ``logs``, ``seconds``.

        A few at a time and none for long: others wait for the same threads. Raises NotFound, TooManyRequests.
        """

    def openapi(self) -> Mapping[str, Json]: ...


class Artifacts(Protocol):
    def read(self, key: str) -> tuple[bytes, str]:
        """An artifact's bytes and media type. Raises NotFound, PayloadTooLarge."""


class Health(Protocol):
    def ready(self) -> Mapping[str, str | int]:
        """``database`` and ``queue``: ok or away; ``lostRings``, ``fencedResults``: how many this process has counted.

        Raises Unavailable while the database is away.
        """


class ApiContext(Protocol):
    """What an API handler is handed."""

    request_id: str
    executions: Executions
    workflows: Workflows
    tasks: Tasks
    functions: Functions
    artifacts: Artifacts
    health: Health
    log: logging.Logger


def instant(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as every time is written: ``2026-11-24T04:30:00.123Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reply(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer in API Gateway's response form."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **(headers or {})},
        "body": json.dumps(body, ensure_ascii=False, allow_nan=False),
    }


def body_of(event: Event) -> Json:
    """The request's JSON body, or None when there is none. The gateway has read it strictly before."""
    return json.loads(event["body"]) if event.get("body") else None


def path_of(event: Event, name: str) -> str:
    """A path parameter, URL-decoded."""
    return str(event["pathParameters"][name])


def query_of(event: Event) -> Mapping[str, str]:
    """The query parameters, URL-decoded; empty when there are none."""
    return event.get("queryStringParameters") or {}


def word_of(event: Event, name: str, words: Sequence[str]) -> str | None:
    """One of these words, in the query; None when it is not asked for. Raises InvalidRequest."""
    word = query_of(event).get(name)
    if word is not None and word not in words:
        raise InvalidRequest(f"{name} must be one of {', '.join(words)}.", path=name)
    return word


def number_of(event: Event, name: str, *, lowest: int = 0, highest: int = (1 << 53) - 1, default: int = 0) -> int:
    """A whole number between two bounds, in the query. Raises InvalidRequest."""
    text = query_of(event).get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS and lowest <= int(text) <= highest):
        raise InvalidRequest(f"{name} must be a whole number from {lowest} to {highest}.", path=name)
    return int(text)
