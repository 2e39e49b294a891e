"""Guards and reports: the conditions under which a result or an answer counts, and its content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import SQL

from stepwell.db import queries
from stepwell.db.database import locked
from stepwell.db.models import Execution, Task
from stepwell.runtime.engine.core import events
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import TaskStatus

WAITS_FOR_ANSWER = (TaskStatus.QUEUED, TaskStatus.IN_PROGRESS)
"""The statuses in which a task's token may be answered."""


@dataclass(frozen=True)
class Guard:
    """The claim of a task that a result belongs to. If any part differs, the result is dropped."""

    task_id: str
    attempt: int
    owner: str | None
    status: TaskStatus = TaskStatus.IN_PROGRESS

    def conditions(self) -> tuple[Any, ...]:
        owner = Task.owner.is_null() if self.owner is None else Task.owner == self.owner
        return Task.id == self.task_id, Task.attempt == self.attempt, owner, Task.status == self.status


@dataclass(frozen=True)
class OverdueGuard(Guard):
    """A claim with an overdue heartbeat. A heartbeat that has come meanwhile refuses it."""

    def conditions(self) -> tuple[Any, ...]:
        return *super().conditions(), Task.beat_by < SQL(queries.clock())


@dataclass(frozen=True)
class TokenGuard:
    """The try of a task that a token answers, with or without a holder of its claim."""

    task_id: str
    token: str

    def conditions(self) -> tuple[Any, ...]:
        # Not the attempt: the token stays the same over losses of the worker, and any answer to it counts.
        return Task.id == self.task_id, Task.token == self.token, Task.status.in_(WAITS_FOR_ANSWER)


@dataclass(frozen=True)
class PlaceGuard:
    """The task of this frame and entry."""

    task_id: str
    frame: str
    entry: int

    def conditions(self) -> tuple[Any, ...]:
        return Task.id == self.task_id, Task.frame == self.frame, Task.entry == self.entry


@dataclass(frozen=True)
class ParentGuard(PlaceGuard):
    """The task, while it waits for the end of the execution that it has started."""

    def conditions(self) -> tuple[Any, ...]:
        return *super().conditions(), Task.status.in_(WAITS_FOR_ANSWER), Task.token.is_null(False)


@dataclass(frozen=True)
class ReportGuard(PlaceGuard):
    """The task, while its end is kept in its row and waits to be taken."""

    def conditions(self) -> tuple[Any, ...]:
        return *super().conditions(), Task.status == TaskStatus.IN_PROGRESS, Task.owner.is_null()


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt ended, for the attempt's row. ``outcome``: COMPLETED, FAILED, TIMED_OUT, RETURNED or LOST."""

    outcome: str
    error: str | None = None
    cause: str | None = None
    logs: str = ""


@dataclass(frozen=True)
class TaskAnswer:
    """How a task ends by its worker, its token or a sweep: with an output, or with an error."""

    output: Json = None
    error: str | None = None
    cause: str | None = None

    def event(self, at: int, seed: int, task: Task) -> events.Event:
        """The event that it makes for its task."""
        place = (at, seed, task.frame, task.entry, task.attempt)
        if self.error is None:
            return events.TaskSucceeded(*place, self.output)
        return events.TaskFailed(*place, self.error, self.cause)


@dataclass(frozen=True)
class TaskReport:
    """The end of a task's attempt as it is reported to the door. It counts if the guard still holds."""

    guard: Guard | TokenGuard
    end: AttemptEnd
    answer: TaskAnswer


def locked_task(
    execution_id: str, guard: Guard | TokenGuard, *, skip_locked: bool = False
) -> tuple[Execution, Task | None]:
    """Lock an execution and its task. The task is None when the guard no longer holds.

    ``skip_locked``: also None, at once, while another move holds the execution.
    """
    # Execution before task, as in every move: two transactions can never wait for each other.
    row = locked(Execution, Execution.id == execution_id, skip_locked=skip_locked)
    return row, None if row is None else locked(Task, *guard.conditions())


def parts_of(token: str) -> tuple[str, int]:
    """The id of the execution and the number of the task that a token of ours was made for."""
    execution_id, number, _ = token.split(".")
    return execution_id, int(number)
