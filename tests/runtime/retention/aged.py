"""A stage whose executions can be made old, and what is left of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution, Frame, History, MapRun, StartKey, Task, Timer
from stepwell.runtime.retention.executions import EndedExecutions
from stepwell.runtime.retention.files import Files
from tests.runtime.stage import Json, Stage

OLD = 1_000
"""A time long ago, at which what is old has ended."""
OF_AN_EXECUTION = (Execution, Task, Attempt, Frame, Timer, History, MapRun, StartKey)


class Aged:
    def __init__(self, stage: Stage, home: Path) -> None:
        self.stage = stage
        self.home = home
        home.mkdir(exist_ok=True)
        self.ended = self.another()

    def another(self) -> EndedExecutions:
        """What deletes, as another process has it."""
        return EndedExecutions(Files(self.home, self.home))

    def run(self, definition: Json, input: Json = None, **start: Any) -> str:
        """An execution that has ended just now."""
        execution = self.stage.start(definition, input, **start)
        self.stage.run()
        assert self.stage.status(execution) != "IN_PROGRESS"
        return execution

    def old(self, definition: Json, input: Json = None, **start: Any) -> str:
        """An execution that ended long ago, and its children."""
        execution = self.run(definition, input, **start)
        self.age()
        return execution

    def age(self, *executions: str) -> None:
        """Let these executions, or all, have ended long ago."""
        with database.connection_context():
            chosen = Execution.id.in_(executions) if executions else Execution.finished_at.is_null(False)
            Execution.update(finished_at=OLD).where(chosen, Execution.finished_at.is_null(False)).execute()

    def delete(self, ended: EndedExecutions | None = None) -> int:
        """Delete all that has ended a minute ago or earlier. Returns how many are gone."""
        with database.connection_context():
            before = queries.now() - 60_000
        total = gone = self._walked(ended or self.ended, before)
        while gone:  # children go after their parents
            gone = self._walked(ended or self.ended, before)
            total += gone
        return total

    def _walked(self, ended: EndedExecutions, before: int) -> int:
        return sum(iter(partial(ended.delete_some, before), None))

    def left(self) -> dict[str, int]:
        """How many rows each table of executions has, of those that have any."""
        with database.connection_context():
            counts = {model.__name__: model.select().count() for model in OF_AN_EXECUTION}
        return {name: count for name, count in counts.items() if count}

    def exists(self, execution: str) -> bool:
        with database.connection_context():
            return bool(Execution.select().where(Execution.id == execution).exists())
