"""Requests to pump a Map Run. Each is a timer of the kind ``run`` that is due at once, and is a row.

A timer's number is 1 plus the place of the child execution whose end it reports, and 0 when it reports no end.
"""

from __future__ import annotations

from typing import Any

from stepwell.db.models import NEVER, MapRun, Timer
from stepwell.db.queries import clock_sql
from stepwell.runtime.engine.core import commands
from stepwell.runtime.engine.values.statuses import MapRunStatus
from stepwell.runtime.moves.completion import child_place


def request_pump(execution_id: str, frame: str, entry: int, delay_ms: int = 0) -> None:
    """Request a pump of the run of this Map, after a delay."""
    place = {"execution_id": execution_id, "frame": frame, "entry": entry}
    wake_up = Timer.insert(**place, number=0, kind=commands.WAKE_RUN, due_at=clock_sql() + delay_ms)
    # Number 0 is the same row for all of these requests: one that waits already serves this one, too.
    wake_up.on_conflict_ignore().execute()


def request_pumps(execution_id: str) -> bool:
    """Request a pump of each run of an execution that was paused. False when it has no run that goes on."""
    runs = list(MapRun.select().where(MapRun.execution_id == execution_id, MapRun.status == MapRunStatus.RUNNING))
    for run in runs:
        request_pump(execution_id, run.frame, run.entry)
    return bool(runs)


def is_put_off(execution_id: str, frame: str, entry: int) -> bool:
    """True if the pump of this Map's run has failed, and one of its requests waits for the time to make it again."""
    return bool(Timer.select().where(*_of_map(execution_id, frame, entry), Timer.again_at.is_null(False)).exists())


def hold(execution_id: str, frame: str, entry: int, number: int) -> None:
    """Let a request wait for the one that is put off: the pump that serves this one serves all."""
    Timer.update(due_at=NEVER).where(*_of_map(execution_id, frame, entry), Timer.number == number).execute()


def take(execution_id: str, frame: str, entry: int) -> list[int] | None:
    """Remove all requests. Returns the places of the child executions that have ended; None when none waited."""
    # DELETE ... RETURNING takes the requests and the right to pump in one step; a second pump finds none.
    requests = Timer.delete().where(*_of_map(execution_id, frame, entry)).returning(Timer.number)
    places = [child_place(one.number) for one in requests]
    return [place for place in places if place is not None] if places else None


def forget(execution_id: str, frame: str, entry: int) -> None:
    """Remove all requests: the execution has ended."""
    Timer.delete().where(*_of_map(execution_id, frame, entry)).execute()


def _of_map(execution_id: str, frame: str, entry: int) -> tuple[Any, ...]:
    place = Timer.execution_id == execution_id, Timer.frame == frame, Timer.entry == entry
    return *place, Timer.kind == commands.WAKE_RUN
