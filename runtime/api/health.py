"""Reports whether this process can serve requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stepwell.db.database import database
from stepwell.db.models import Workflow
from stepwell.functions.errors import Unavailable


class HealthApi:
    """The state of the database and the queue as ``functions.contract.rest`` promises it."""

    def __init__(self, queue_depth: Callable[[], int | None], counted: Callable[[], Mapping[str, int]]) -> None:
        self._queue_depth = queue_depth
        self._counted = counted

    def ready(self) -> Mapping[str, str | int]:
        """The database must answer. Without the queue the work goes on, slower, so its absence is only reported."""
        with database.connection_context():
            if not Workflow.table_exists():  # type: ignore[no-untyped-call]
                raise Unavailable("The database has no tables yet: run python -m stepwell.db.migrate.")
        return {"database": "ok", "queue": "away" if self._queue_depth() is None else "ok", **self._counted()}
