"""A map run that is redriven: it goes on as the run that it was, and with it its executions that failed.

A run that came to its end well, but whose state could not use what it gave, is not redriven: another one begins, as it
does where none had begun. Source: AWS Step Functions developer guide, "Redriving Map Runs".
"""

from __future__ import annotations

from typing import Any

from peewee import SQL

from stepwell.db import queries
from stepwell.db.models import OF_MAP_RUN, Execution, MapRun
from stepwell.db.parents import PLACE, Parent, text_of
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.values.entries import entered, redrive_of
from stepwell.runtime.engine.values.limits import MOST_EVENTS, REDRIVABLE_MS
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.moves.redrive import REDRIVABLE

PENDING = "PENDING_REDRIVE"
MOST_REDRIVES = 1_000
ANEW = ("States.DataLimitExceeded", "States.Runtime")
"""Errors of a run after which another one begins."""


def earlier(execution_id: str, frame: Frame) -> MapRun | None:
    """The run that the Map of a frame had when its execution ended, if it is to go on."""
    if not redrive_of(frame.entry):
        return None
    mine = MapRun.execution_id == execution_id, MapRun.frame == frame.path
    runs = [one for one in MapRun.select().where(*mine) if entered(one.entry) == entered(frame.entry)]
    last = max(runs, key=lambda one: (one.entry, one.id), default=None)
    if last is None or last.entry == frame.entry or last.status == "SUCCEEDED" or last.error in ANEW:
        return None
    return last


def is_stopping(run: MapRun) -> bool:
    """Whether executions of a run go on that has ended: the sweep stops them."""
    return Execution.select().where(*_of(run), Execution.status == Status.IN_PROGRESS).exists()


def begin(run: MapRun, entry: int, at: int) -> None:
    """Let a run go on, none of whose executions does. Raises StateFault when that was done too often."""
    if run.redrives >= MOST_REDRIVES:
        raise StateFault("States.Runtime", f"A Map Run can be redriven {MOST_REDRIVES} times")
    run.entry, run.status, run.error, run.cause, run.finished_at = entry, "RUNNING", None, None, None
    run.redrives, run.redriven_at = run.redrives + 1, at
    run.again, run.again_end = run.base, run.base + run.begun
    run.open = run.failed = run.failed_items = run.written = 0
    run.sizes = "{}"
    run.succeeded = Execution.select().where(*_of(run), Execution.status == Status.COMPLETED).count()
    run.save()


def following(run: MapRun, most: int) -> list[tuple[Execution, bool]]:
    """The next executions to redrive in the order of their places, and whether each may be."""
    place = SQL(PLACE)
    failed = Execution.status.in_(REDRIVABLE), place >= run.again, place < run.again_end
    earliest = queries.now() - REDRIVABLE_MS
    found = Execution.select().where(*_of(run), *failed).order_by(place).limit(most)
    return [(one, one.history_count < MOST_EVENTS and one.finished_at >= earliest) for one in found]


def status_of(run: MapRun | None, row: Any) -> str:
    """The status of an execution, which may belong to a run: PENDING where it waits for its turn to be redriven."""
    if run is None or row.status not in REDRIVABLE:
        return str(row.status)
    return PENDING if run.again <= Parent.decode(row.parent).place < run.again_end else str(row.status)


def _of(run: MapRun) -> tuple[object, object]:
    return OF_MAP_RUN == text_of(run.id), Execution.parent.is_null(False)
