"""Redrives a Map Run: the same run goes on, and its failed child executions are redriven.

A run is not redriven if it has succeeded and its state then failed with the result: a new run begins, as if there had
been none. Source: AWS Step Functions developer guide, "Redriving Map Runs".
"""

from __future__ import annotations

from peewee import SQL

from stepwell.db import queries
from stepwell.db.models import OF_MAP_RUN, Execution, MapRun
from stepwell.db.parents import PLACE, Parent, text_of
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.values.entries import entered, redrive_of
from stepwell.runtime.engine.values.limits import MOST_EVENTS, REDRIVABLE_MS
from stepwell.runtime.engine.values.statuses import MapRunStatus, Status
from stepwell.runtime.moves.redrive import REDRIVABLE

PENDING = "PENDING_REDRIVE"
MOST_REDRIVES = 1_000
ANEW = ("States.DataLimitExceeded", "States.Runtime")
"""Errors of a run after which a redrive begins a new one."""


def earlier(execution_id: str, frame: Frame) -> MapRun | None:
    """The Map's run from before the redrive, if it goes on; None when a new run begins."""
    if not redrive_of(frame.entry):
        return None
    mine = MapRun.execution_id == execution_id, MapRun.frame == frame.path
    # Compared without the number of the redrive: the same visit of the Map has another entry after each redrive.
    runs = [one for one in MapRun.select().where(*mine) if entered(one.entry) == entered(frame.entry)]
    last = max(runs, key=lambda one: (one.entry, one.id), default=None)
    if last is None or last.entry == frame.entry or last.status == MapRunStatus.SUCCEEDED or last.error in ANEW:
        return None
    return last


def is_stopping(run: MapRun) -> bool:
    """True while child executions of a run that has ended still run. The sweep stops them."""
    return Execution.select().where(*_of(run), Execution.status == Status.IN_PROGRESS).exists()


def begin(run: MapRun, entry: int, at: int) -> None:
    """Let a run go on after all its children have ended. Raises StateFault when it was redriven too often."""
    if run.redrives >= MOST_REDRIVES:
        raise StateFault("States.Runtime", f"A Map Run can be redriven {MOST_REDRIVES} times")
    run.entry, run.status, run.error, run.cause, run.finished_at = entry, MapRunStatus.RUNNING, None, None, None
    run.redrives, run.redriven_at = run.redrives + 1, at
    run.again, run.again_end = run.base, run.base + run.begun
    run.open = run.failed = run.failed_items = run.written = 0
    run.sizes = "{}"
    # Counted anew from the rows: the stopped run did not count the children that ended after it.
    run.succeeded = Execution.select().where(*_of(run), Execution.status == Status.COMPLETED).count()
    run.save()


def following(run: MapRun, most: int) -> list[tuple[Execution, bool]]:
    """The next children to redrive, in the order of their places. True with those that may be redriven."""
    place = SQL(PLACE)
    failed = Execution.status.in_(REDRIVABLE), place >= run.again, place < run.again_end
    earliest = queries.now() - REDRIVABLE_MS
    found = Execution.select().where(*_of(run), *failed).order_by(place).limit(most)
    # One that may not be redriven is returned too: the pump counts it as failed and goes past its place.
    return [(one, one.history_count < MOST_EVENTS and (one.finished_at or 0) >= earliest) for one in found]


def status_of(run: MapRun | None, row: Execution) -> str:
    """An execution's status. PENDING for a child of ``run`` that waits to be redriven."""
    if run is None or row.status not in REDRIVABLE:
        return str(row.status)
    return PENDING if run.again <= Parent.decode(row.parent).place < run.again_end else str(row.status)


def _of(run: MapRun) -> tuple[object, object]:
    # The second condition is that of the partial index ``execution_of_map_run``: without it the index is not used.
    return OF_MAP_RUN == text_of(run.id), Execution.parent.is_null(False)
