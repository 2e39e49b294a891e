"""The rows that the hot statements take and give.

The order of a statement's columns and parameters is the order of the fields here, and is written nowhere else: both
dialects make their column lists of it. A new column of ``execution`` is a new field of ``NewExecution`` if a start
writes it, of ``ClaimedExecution`` if a claim reads it, and of ``Root`` if it belongs to the root frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

OFTEN_LOST = 2
"""A task that was lost this often may kill its workers: it runs beside no other task of this kind."""
UNOWNED = ("owner", "lease_until")
"""The columns of a task that are null while no worker holds it."""
FREED = (*UNOWNED, "deadline_at", "beat_by")
"""The columns of a task that are null while neither a worker nor the holder of its token is expected to do it."""


NO_WORKFLOW = "00000000-0000-0000-0000-000000000000"
"""Stands for the workflow of a task where that is not known."""


class QueuedTask(NamedTuple):
    """A task that workers may claim, and its workflow: those that wait are served in turn."""

    id: str
    workflow_id: str = NO_WORKFLOW


@dataclass(frozen=True)
class HistoryLine:
    """A line of history as it is stored."""

    type: str
    frame: str
    step: str | None
    details: str


@dataclass(frozen=True)
class Root:
    """The root frame. Its columns are in the execution's row."""

    state: str
    entry: int
    entered_at: int
    waiting: str
    retries: str
    open: int
    data: str
    begun: int
    children: int
    variables: str
    visits: str


@dataclass(frozen=True)
class NewExecution:
    """An execution's own columns at its start; the root frame's are in ``Root``."""

    id: str
    name: str | None
    workflow_id: str
    workflow: str
    version_id: str
    version: int
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    created_at: int
    published: int | None = None
    alias: str | None = None
    trace: str | None = None
    parent: str | None = None


@dataclass(frozen=True)
class IdempotencyKey:
    """The key of a start, and the hash of the request that came with it: with another request the key is refused."""

    key: str
    body_hash: str


@dataclass(frozen=True)
class NewTask:
    """A task at its start. Input, time-out and token are null while only the execution's plan knows it."""

    id: str
    number: int
    step: str
    function: str
    status: str
    data: str
    frame: str = ""
    entry: int = 0
    input: str | None = None
    timeout_seconds: float | None = None
    token: str | None = None
    heartbeat_seconds: float | None = None
    visit: str | None = None


@dataclass(frozen=True)
class NewFrame(Root):
    """A branch or an item at its start: the columns of a root frame, and those that only a frame's own row has."""

    path: str
    output: str | None
    item: str | None


@dataclass(frozen=True)
class NewTimer:
    """A timer that will be due ``delay_ms`` after the statement."""

    frame: str
    entry: int
    number: int
    kind: str
    delay_ms: int


@dataclass(frozen=True)
class DueTimer:
    """A due timer. ``failures`` counts the tries to fire it that failed, the present one included."""

    execution_id: str
    frame: str
    entry: int
    number: int
    kind: str
    failures: int = 0


@dataclass(frozen=True)
class Start:
    """Everything that a start writes."""

    execution: NewExecution
    root: Root
    key: IdempotencyKey | None
    tasks: Sequence[NewTask]
    frames: Sequence[NewFrame]
    timers: Sequence[NewTimer]
    lines: Sequence[HistoryLine]


@dataclass(frozen=True)
class ClaimedTask:
    """The part of a claim that is read from the task's row."""

    id: str
    execution_id: str
    number: int
    frame: str
    entry: int
    step: str
    function: str
    attempt: int
    owner: str
    retries: int
    losses: int
    timeout_seconds: float | None
    token: str | None
    visit: str | None
    input: str


@dataclass(frozen=True)
class ClaimedExecution:
    """The part of a claim that is read from the execution's row, its start's line of history counted already."""

    name: str | None
    workflow_id: str
    workflow: str
    version_id: str
    revision: int
    history_count: int
    execution_input: str
    created_at: int
    parent: str | None
    redrives: int
    redriven_at: int | None


@dataclass(frozen=True)
class Claimed(ClaimedExecution, ClaimedTask):
    """A task that is ours now, and its execution as it was in that moment. ``now`` is the database's time.

    Its fields come in the order of the bases from the right: the task's, the execution's, and then its own.
    """

    root: Root
    now: int


@dataclass(frozen=True)
class NextTask:
    """The task that follows, as it would be claimed.

    ``is_new``: its row does not exist yet. ``claim``: take it at once, else queue it.
    """

    task: Claimed
    is_new: bool
    claim: bool


@dataclass(frozen=True)
class RunWakeUp:
    """The wake-up of a Map Run at the end of one of its executions: a timer of this number and kind, due at once.

    It is not written if the run has ended.
    """

    run: str
    number: int
    kind: str


@dataclass(frozen=True)
class Finish:
    """A task's success with all that follows from it, for an execution with no frame but the root.

    ``run_id`` is the Map Run that the execution belongs to: when that has ended, the next task is not claimed.
    """

    execution_id: str
    revision: int
    history_count: int
    task_id: str
    attempt: int
    owner: str
    result: str
    logs: str
    status: str
    output: str | None
    lease_ms: int
    run_id: str | None
    root: Root
    lines: Sequence[HistoryLine]
    next: NextTask | None
    wakes: RunWakeUp | None = None


@dataclass(frozen=True)
class Finished:
    """``attempt``: the claim of the next task. None if there is no next task, or if it was queued."""

    attempt: int | None
    now: int


@dataclass(frozen=True)
class Tally:
    """The number of a Map Run's executions with this status, and of their items. ``stuck``: they cannot be redriven."""

    status: str
    stuck: bool
    executions: int
    items: int
