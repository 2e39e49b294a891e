"""Ends the open work of an execution, or of the frames below one: tasks, timers, frames, Map Runs."""

from __future__ import annotations

from typing import Any

from peewee import SQL, fn

from stepwell.db.models import Attempt, Frame, MapRun, Task, Timer
from stepwell.db.queries import clock_sql
from stepwell.runtime.engine.values.statuses import OPEN_TASKS, MapRunStatus, TaskStatus
from stepwell.runtime.moves import task_rows


def cancel_all(execution_id: str) -> bool:
    """End the work of an execution. True if a task was open."""
    _abort_runs(MapRun.execution_id == execution_id)
    return _cancel_work(Task.execution_id == execution_id, Timer.execution_id == execution_id)


def cancel_below(execution_id: str, frame: str) -> bool:
    """End the work below a frame, and the frames there. True if a task was open."""
    tasks, timers, frames, runs = (
        (model.execution_id == execution_id) & _is_below(path, frame)
        for model, path in ((Task, Task.frame), (Timer, Timer.frame), (Frame, Frame.path), (MapRun, MapRun.frame))
    )
    # Frames before tasks: the one order of locks.
    Frame.delete().where(frames).execute()
    _abort_runs(runs)
    return _cancel_work(tasks, timers)


def _cancel_work(tasks: Any, timers: Any) -> bool:
    running = Task.select(
        Task.id, Task.attempt, Task.owner, SQL("'CANCELLED'"), SQL("''"), Task.started_at, clock_sql()
    ).where(tasks, Task.status == TaskStatus.IN_PROGRESS, Task.owner.is_null(False))
    kept = (Attempt.task_id, Attempt.attempt, Attempt.owner, Attempt.outcome, Attempt.logs, Attempt.started_at)
    # The attempts are copied before the UPDATE below empties the owners that they record. An owner's late result finds
    # another status and is dropped.
    Attempt.insert_from(running, (*kept, Attempt.finished_at)).execute()
    Timer.delete().where(timers).execute()
    ended = Task.update(status=TaskStatus.CANCELLED, finished_at=clock_sql(), **task_rows.FREE)
    return bool(ended.where(tasks, Task.status.in_(OPEN_TASKS)).execute())


def _abort_runs(runs: Any) -> None:
    # Only the run's row ends here. Its children have rows of their own that this transaction must not lock: the sweep
    # stops them.
    MapRun.update(status=MapRunStatus.ABORTED, finished_at=clock_sql()).where(
        runs, MapRun.status == MapRunStatus.RUNNING
    ).execute()


def _is_below(path: Any, frame: str) -> Any:
    # With its slash: otherwise frame 5.1 would also find 5.10.
    prefix = f"{frame}/"
    return path != "" if frame == "" else fn.SUBSTR(path, 1, len(prefix)) == prefix
