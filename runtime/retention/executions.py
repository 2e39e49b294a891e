"""Deletes ended executions with all of their rows and files, in batches, oldest first.

An execution whose rows are gone is gone: there is no mark, and no list of what is to do. So any number of processes may
delete at once, and the next one goes on where one has died. A child execution stays while its parent is there: the
execution of its Map Run, or of the task that waited for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from peewee import Tuple

from stepwell.db.database import database, for_update, transaction
from stepwell.db.models import Attempt, Execution, Frame, History, MapRun, StartKey, Task, Timer
from stepwell.db.parents import Parent
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.ids import is_id
from stepwell.runtime.moves.redrive import GOING
from stepwell.runtime.retention.files import Files

AT_ONCE, LINES_AT_ONCE = 100, 2_000
"""The most executions, and the most lines of their histories, that one transaction deletes."""
BEGINNING = (0, "00000000-0000-0000-0000-000000000000")
COLUMNS = (Execution.id, Execution.finished_at, Execution.parent, Execution.history_count, Execution.revision)


class EndedExecutions:
    """Deletes what ended before a time, a batch a call. ``files`` deletes the files of the same executions."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._after: tuple[int, str] = BEGINNING
        self._most = AT_ONCE

    def delete_some(self, before: int) -> int | None:
        """Delete the next batch of executions that ended before this time, in one transaction.

        Returns how many are gone; None when the last one was reached: the next call begins at the oldest again. When a
        batch fails its executions are tried one by one, so that one of them keeps no other.
        """
        begun_at = self._after
        try:
            with database.connection_context(), transaction():
                gone = self._batch(before)
        except Exception:
            if self._most > 1:
                self._after = begun_at
            self._most = 1
            raise
        self._most = min(AT_ONCE, 2 * self._most)
        return gone

    def _batch(self, before: int) -> int | None:
        rows = _few(list(self._ended(before)))
        if not rows:
            self._after = BEGINNING
            return None
        kept = _with_parents(rows)
        if rows[0].history_count > LINES_AT_ONCE and rows[0].id not in kept and _shrunk(rows[0]):
            return 0  # the next call finds it again, smaller
        self._after = (rows[-1].finished_at or 0, rows[-1].id)
        going = [row.id for row in rows if row.id not in kept]
        if going:
            self._files.delete_of(going)
            _delete(going)
        return len(going)

    def _ended(self, before: int) -> Any:
        place = Tuple(Execution.finished_at, Execution.id)
        # IS NOT NULL is implied, and written for the partial index. The status is the truth; the time only orders.
        has_ended = Execution.finished_at.is_null(False), Execution.status != Status.IN_PROGRESS
        found = Execution.select(*COLUMNS).where(
            *has_ended, place > Tuple(*self._after), Execution.finished_at < before
        )
        # What another process deletes, or redrives, at this moment is left to it.
        return for_update(found.order_by(Execution.finished_at, Execution.id).limit(self._most), skip_locked=True)


def _few(rows: Sequence[Execution]) -> Sequence[Execution]:
    """The first rows, with LINES_AT_ONCE lines together at most; one row at least."""
    lines = 0
    for count, row in enumerate(rows):
        lines += row.history_count
        if lines > LINES_AT_ONCE:
            return rows[: max(1, count)]
    return rows


def _with_parents(rows: Sequence[Execution]) -> set[str]:
    """The ids of those executions whose parent is there."""
    parents = {row.id: Parent.decode(row.parent) for row in rows if row.parent is not None}
    runs = _existing(MapRun, {one.run for one in parents.values() if one.run is not None})
    executions = _existing(Execution, {_waiting(one) for one in parents.values() if one.run is None} - {None})
    return {own for own, one in parents.items() if one.run in runs or _waiting(one) in executions}


def _waiting(parent: Parent) -> str | None:
    """The execution of the task that a token answers: the token begins with its id."""
    identity = str(parent.token).partition(".")[0]
    return identity if parent.token is not None and is_id(identity) else None


def _existing(model: Any, ids: Collection[str | None]) -> set[str]:
    return {str(row.id) for row in model.select(model.id).where(model.id.in_(list(ids)))} if ids else set()


def _shrunk(row: Execution) -> bool:
    """Delete a piece of a large execution's rows. False when what is left is small enough for one transaction."""
    if row.revision != GOING:
        Execution.update(revision=GOING).where(Execution.id == row.id).execute()
    return any(_cut(row.id, *table) for table in ((History, History.id), (Task, Task.number), (Frame, Frame.path)))


def _cut(execution_id: str, model: Any, key: Any) -> bool:
    """Delete LINES_AT_ONCE of an execution's rows in a table, the last ones, if it has more."""
    mine = model.select(key).where(model.execution_id == execution_id).order_by(key.desc())
    edge = mine.offset(LINES_AT_ONCE).limit(1).scalar()
    if edge is None:
        return False
    beyond = model.execution_id == execution_id, key > edge
    if model is Task:
        Attempt.delete().where(Attempt.task_id.in_(Task.select(Task.id).where(*beyond))).execute()
    model.delete().where(*beyond).execute()
    return True


def _delete(ids: Sequence[str]) -> None:
    """Delete these executions with all of their rows."""
    tasks = Task.select(Task.id).where(Task.execution_id.in_(ids))
    Attempt.delete().where(Attempt.task_id.in_(tasks)).execute()
    for model in (Task, Frame, Timer, History, MapRun, StartKey):
        model.delete().where(model.execution_id.in_(ids)).execute()
    Execution.delete().where(Execution.id.in_(ids)).execute()
