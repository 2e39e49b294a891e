"""Pause and resume, below the door: what of an execution is taken out of everybody's sight, or brought back."""

from __future__ import annotations

from db.models import Task
from runtime import map_runs
from runtime.rows import Effects, clock_sql


def requeue(execution_id: str, paused: bool) -> Effects:
    """Take an execution's queued tasks out of everybody's sight, or bring them back and let its map runs go on."""
    queued = Task.update(queued_at=None if paused else clock_sql(), missing_since=None).where(
        Task.execution_id == execution_id, Task.status == "QUEUED"
    )
    found = [task.id for task in queued.returning(Task.id).execute()]
    return Effects() if paused else Effects(found, map_runs.ask_again(execution_id))
