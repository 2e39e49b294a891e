"""Task tokens: the task that a token answers, and the heartbeats of the token's holder."""

from __future__ import annotations

import secrets

from peewee import fn

from stepwell.db.database import database
from stepwell.db.models import Task
from stepwell.db.queries import clock_sql
from stepwell.functions.errors import InvalidToken, TaskClosed
from stepwell.runtime.ids import is_id, task_id
from stepwell.runtime.moves.guards import WAITS_FOR_ANSWER


def task_of(token: str) -> Task:
    """The task that a token was made for. Raises InvalidToken."""
    execution_id, number = [*token.split("."), ""][:2]
    if token.isascii() and is_id(execution_id) and number.isdigit() and len(number) < 7:
        # The id comes from the token itself, so its index is used, and no table is searched for a secret.
        task = Task.get_or_none(Task.id == task_id(execution_id, int(number)))
        if task is not None and task.token is not None and secrets.compare_digest(task.token, token):
            return task
    raise InvalidToken(f"Invalid Token: '{token[:64]}'")


def beat(token: str) -> None:
    """Take a heartbeat of a token's holder: the next one is due later. Raises InvalidToken, TaskClosed."""
    with database.connection_context():
        task = task_of(token)
        waits = Task.id == task.id, Task.token == token, Task.status.in_(WAITS_FOR_ANSWER)
        # No lock: the UPDATE below repeats the condition, and its row count decides.
        is_open = Task.select().where(*waits).exists()
        if task.heartbeat_seconds is not None and is_open:
            due = clock_sql() + fn.ROUND(Task.heartbeat_seconds * 1000).cast("BIGINT")
            is_open = bool(Task.update(beat_by=due).where(*waits).execute())
    if not is_open:
        raise TaskClosed()
