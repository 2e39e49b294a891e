"""Looks in the database for tasks that wait to be claimed, a few workflows at a time, so that each has its turn."""

from __future__ import annotations

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.values import QueuedTask

LOOKED_AT = 200
"""How many waiting tasks a process chooses from when it asks the database."""


class WaitingWorkflows:
    """The workflows with waiting tasks, some at a time. Behind the last one the first comes again."""

    def __init__(self) -> None:
        self._behind: str | None = None

    def next(self, most: int) -> list[str]:
        """The ids of the next workflows. Inside a connection."""
        found = queries.waiting_workflows(self._behind, most)
        if not found and self._behind is not None:
            found = queries.waiting_workflows(None, most)
        # A full page: the next one goes on behind it.
        self._behind = found[-1] if len(found) == most else None
        return found


class WaitingTasks:
    """Reads waiting tasks, of ``most`` workflows at a time; the next call goes on with the others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._workflows = WaitingWorkflows()

    def __call__(self, older_ms: int) -> list[QueuedTask]:
        with database.connection_context():
            workflows = self._workflows.next(self._most)
            return queries.waiting_tasks(dict.fromkeys(workflows), older_ms, LOOKED_AT // max(1, len(workflows)))
