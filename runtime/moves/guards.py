"""What a result or an answer must match to count, and what it says: values on their way to the door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import SQL

from stepwell.db import queries
from stepwell.db.models import Task
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import TaskStatus

WAITS_FOR_ANSWER = (TaskStatus.QUEUED, TaskStatus.IN_PROGRESS)
"""The statuses in which a task's token may be answered."""


@dataclass(frozen=True)
class Guard:
    """Which claim of a task a result belongs to: all of it must match, or the result is nobody's."""

    task_id: str
    attempt: int
    owner: str | None
    status: TaskStatus = TaskStatus.IN_PROGRESS

    def conditions(self) -> tuple[Any, ...]:
        owner = Task.owner.is_null() if self.owner is None else Task.owner == self.owner
        return Task.id == self.task_id, Task.attempt == self.attempt, owner, Task.status == self.status


@dataclass(frozen=True)
class SilentGuard(Guard):
    """A claim whose holder is silent still: a heartbeat that has come meanwhile refuses it."""

    def conditions(self) -> tuple[Any, ...]:
        return *super().conditions(), Task.beat_by < SQL(queries.clock())


@dataclass(frozen=True)
class TokenGuard:
    """Which try of a task a token answers, whoever holds the claim."""

    task_id: str
    token: str

    def conditions(self) -> tuple[Any, ...]:
        return Task.id == self.task_id, Task.token == self.token, Task.status.in_(WAITS_FOR_ANSWER)


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt ended, for the attempt's row. ``outcome``: COMPLETED, FAILED, TIMED_OUT, RETURNED or LOST."""

    outcome: str
    error: str | None = None
    cause: str | None = None
    logs: str = ""


@dataclass(frozen=True)
class TokenAnswer:
    """What a task token is answered with: an output, or an error."""

    output: Json = None
    error: str | None = None
    cause: str | None = None


def place_of(token: str) -> tuple[str, int]:
    """The execution and the number of the task that a token of ours was made for."""
    execution_id, number, _ = token.split(".")
    return execution_id, int(number)
