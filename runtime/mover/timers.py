"""Due timers: the next one to fire, the event that each makes, and how one is put off.

A timer is in one of two lanes. In the first it is due at ``due_at``. Once its move has failed, or needs more computing
than a first try may take, it is in the second: it is due at ``again_at``, and ``due_at`` is NEVER. So a look for due
timers meets no timer that failed before, however many there are.

All of it but ``take_again`` runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stepwell.db.database import for_update, transaction
from stepwell.db.models import NEVER, Execution, Task, Timer
from stepwell.db.queries import clock_sql
from stepwell.db.values import DueTimer
from stepwell.runtime.engine.core import commands, events
from stepwell.runtime.ids import task_id
from stepwell.runtime.moves import completion, task_rows
from stepwell.runtime.moves.guards import Guard, ParentGuard, ReportGuard, TokenGuard

REPORT, STOP = "report", "stop"
"""The kinds of timer that only the runtime sets: take the end of a task that could not be taken at once, and stop a
child execution that nobody waits for."""

TaskGuard = Guard | TokenGuard | ParentGuard | ReportGuard

BATCH = 100
_KEY = ("frame", "entry", "number", "kind")


def next_due() -> tuple[Execution, DueTimer] | None:
    """The earliest due timer of an execution that no other transaction holds, with the execution's locked row.

    None if there is none. So processes that look at the same time fire other timers.
    """
    of_timer = [getattr(Timer, name).alias(f"timer_{name}") for name in _KEY]
    due = Execution.select(Execution, *of_timer).join(Timer, on=Timer.execution_id == Execution.id)
    due = due.where(Timer.due_at <= clock_sql()).order_by(Timer.due_at).limit(1)
    # The execution is locked, and not the timer: every move locks it first.
    row: Any = for_update(due, of=Execution, skip_locked=True).objects().first()
    return None if row is None else (row, _due(row.id, row, "timer_"))


def take(timer: DueTimer) -> bool:
    """Remove a timer's row. False if another process has removed it."""
    # The row count of this DELETE decides which process fires the timer: of two, the second finds no row.
    return bool(Timer.delete().where(*_is(timer)).execute())


def take_again(lease_ms: int) -> DueTimer | None:
    """The next due timer of those that are put off. None if there is none.

    It counts as one more failure, and is due again after ``lease_ms``, until its move is committed: so no other process
    makes the same move meanwhile, and a move that ends its process is counted too.
    """
    with transaction():
        due = Timer.again_at.is_null(False), Timer.again_at <= clock_sql()
        found = for_update(Timer.select().where(*due).order_by(Timer.again_at).limit(1), skip_locked=True).first()
        if found is None:
            return None
        timer = replace(_due(found.execution_id, found), failures=found.failures + 1)
        put_off(timer, lease_ms)
    return timer


def put_off(timer: DueTimer, delay_ms: int) -> None:
    """Let a timer be due again after a delay, among those that are put off, with its count of failures."""
    again = clock_sql() + delay_ms
    Timer.update(due_at=NEVER, again_at=again, failures=timer.failures).where(*_is(timer)).execute()


def put_off_report(task: Task, delay_ms: int, failures: int) -> None:
    """Let the end of a task, which is kept in its row, be taken after a delay."""
    place = {"execution_id": task.execution_id, "frame": task.frame, "entry": task.entry, "number": task.number}
    Timer.insert(**place, kind=REPORT, due_at=NEVER, again_at=clock_sql() + delay_ms, failures=failures).execute()


def request_stops(execution_ids: Sequence[str]) -> None:
    """Let these child executions be stopped, unless somebody waits for them then."""
    root = {"frame": "", "entry": 0, "number": 0, "kind": STOP}
    for first in range(0, len(execution_ids), BATCH):
        rows = [{"execution_id": one, **root, "due_at": clock_sql()} for one in execution_ids[first : first + BATCH]]
        # One that was requested before may be put off; that one counts.
        Timer.insert_many(rows).on_conflict_ignore().execute()


def guard_of(timer: DueTimer) -> ParentGuard | ReportGuard | None:
    """The condition on the task that a timer is about. None if it is about no task."""
    if timer.kind == commands.WAKE_PARENT:
        return ParentGuard(task_id(timer.execution_id, timer.number), timer.frame, timer.entry)
    if timer.kind == REPORT:
        return ReportGuard(task_id(timer.execution_id, timer.number), timer.frame, timer.entry)
    return None


def event_of(timer: DueTimer, row: Execution, task: Task | None, at: int, seed: int) -> events.Event | None:
    """The event that a due timer makes, with the task of its guard. None: there is nothing to report after all."""
    match timer.kind:
        case commands.EXECUTION:
            return events.ExecutionTimedOut(at, seed)
        case commands.WAKE_PARENT:
            return None if task is None else completion.event_of(at, seed, task)
        case _ if timer.kind == REPORT:
            return None if task is None else task_rows.kept_answer(task).event(at, seed, task)
        case _ if timer.kind == STOP:
            # A parent may wait again since the timer was set: a Map Run that was redriven.
            is_orphan = row.parent is not None and completion.waiting(row.parent) is None
            return events.ExecutionCancelled(at, seed) if is_orphan else None
        case _:
            return events.TimerFired(at, seed, timer.frame, timer.entry, timer.number)


def _due(execution_id: str, row: Any, prefix: str = "") -> DueTimer:
    """The timer in these columns of a row."""
    return DueTimer(execution_id, **{name: getattr(row, prefix + name) for name in _KEY})


def _is(timer: DueTimer) -> tuple[Any, ...]:
    return Timer.execution_id == timer.execution_id, *(getattr(Timer, name) == getattr(timer, name) for name in _KEY)
