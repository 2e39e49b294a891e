"""Deletes the versions of flows that no execution uses. Each tree that is sent to ``POST /flows`` may be a version."""

from __future__ import annotations

from typing import Any

from peewee import SQL, Tuple, fn

from stepwell.db.database import database, transaction
from stepwell.db.models import OF_FLOW, Execution, Version, Workflow
from stepwell.db.queries import clock_sql
from stepwell.runtime import workflow_names

AT_ONCE = 200
"""How many versions one call looks at."""
SETTLED_MS = 5 * 60_000
"""For how long a newer version must have been there: a start may have chosen this one before, and write it now."""
BEGINNING = ("00000000-0000-0000-0000-000000000000", 0)


class FlowVersions:
    """Deletes versions of flows, a few a call."""

    def __init__(self) -> None:
        self._after: tuple[str, int] = BEGINNING

    def delete_some(self, before: int) -> int | None:
        """Delete of the next versions those that were stored before this time, are not the newest and are not used.

        Returns how many are gone; None when the last one was reached, and the next call begins anew.
        """
        with database.connection_context():
            rows = list(self._next())
            if not rows:
                self._after = BEGINNING
                return None
            self._after = (rows[-1].workflow_id, rows[-1].number)
            with transaction():
                gone = Version.delete().where(Version.id.in_([row.id for row in rows]), *_unused(before)).execute()
        return int(gone)

    def _next(self) -> Any:
        place = Tuple(Version.workflow_id, Version.number)
        is_flow = fn.SUBSTR(Workflow.name, 1, len(workflow_names.FLOW)) == workflow_names.FLOW
        found = Version.select(Version.id, Version.workflow_id, Version.number)
        found = found.join(Workflow, on=(Workflow.id == Version.workflow_id))
        return (
            found.where(is_flow, place > Tuple(*self._after))
            .order_by(Version.workflow_id, Version.number)
            .limit(AT_ONCE)
        )


def _unused(before: int) -> tuple[object, ...]:
    newer, latest = Version.alias(), Workflow.select(Workflow.latest).where(Workflow.id == Version.workflow_id)
    replaced_now = newer.select(SQL("1")).where(
        newer.workflow_id == Version.workflow_id,
        newer.number == Version.number + 1,
        newer.created_at > clock_sql() - SETTLED_MS,
    )
    used = Execution.select(SQL("1")).where(Execution.version_id == Version.id, SQL(OF_FLOW))
    is_old = Version.created_at < before, Version.number < latest
    return (*is_old, ~fn.EXISTS(replaced_now), ~fn.EXISTS(used))
