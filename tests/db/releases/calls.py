"""Records every statement that Stepwell sends while executions of each kind run, for the tests of later releases.

A later schema has to take the same statements: while a new release is being rolled out, processes of the one before go
on. ``write.py`` records, ``tests/db/test_releases.py`` sends the statements again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from peewee import Database

from stepwell.db import postgresql
from stepwell.db.database import database
from tests.runtime.stage import Stage, machine, parallel, raises, staged, steps, task

TRANSACTIONS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
STATUSES = "SELECT id, status, history_count FROM execution ORDER BY id"

Call = tuple[str, list[Any]]


def recorded(url: str) -> tuple[list[Call], list[list[Any]]]:
    """The statements, each with its values, in their order, and the executions that they leave behind."""
    calls: list[Call] = []
    with TemporaryDirectory() as home, staged(url, Path(home)) as stage:
        with _recording(calls):
            _play(stage)
        with database.connection_context():
            rows = [[str(one), status, lines] for one, status, lines in database.execute_sql(STATUSES).fetchall()]
    return _without_repeats(calls), rows


def as_lines(calls: list[Call], rows: list[list[Any]]) -> str:
    """A line of JSON for each statement, and a last one for the executions."""
    return "".join(f"{json.dumps(one)}\n" for one in [*calls, rows])


@contextmanager
def _recording(calls: list[Call]) -> Iterator[None]:
    """A hot statement is recorded by its name, any other by its text."""
    sent, executed = Database.execute_sql, postgresql.executed

    def execute_sql(self: Database, sql: str, params: Any = None) -> Any:
        if not sql.startswith(TRANSACTIONS):
            calls.append((sql, list(params or ())))
        return sent(self, sql, params)

    def execute(cursor: Any, name: str, values: Any) -> Any:
        calls.append((name, list(values)))
        return executed(cursor, name, values)

    with patch.object(Database, "execute_sql", execute_sql), patch.object(postgresql, "executed", execute):
        yield


def _without_repeats(calls: list[Call]) -> list[Call]:
    """All that write, and each text that only reads once."""
    read: set[str] = set()
    kept = []
    for sql, values in calls:
        if sql.lstrip().startswith("SELECT") and sql in read:
            continue
        read.add(sql)
        kept.append((sql, values))
    return kept


def _play(stage: Stage) -> None:
    """Executions of each kind, on the hot path and on the general one."""
    _to_the_end(stage, steps("step1", "step2"), key="once", name="named")
    with stage.general_path():
        _to_the_end(stage, steps("step1", "step2"))
    fork = parallel(machine(a=task("step1")), machine(b={"Type": "Wait", "Seconds": 1}))
    _to_the_end(stage, machine(fork=fork, end={"Type": "Pass"}))
    mapped = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": machine(one=task("step1"))}
    _to_the_end(stage, machine(all=mapped), input={"items": [1, 2, 3]})
    distributed = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    _to_the_end(
        stage, machine(far={**mapped, "ItemProcessor": mapped["ItemProcessor"] | distributed}), input={"items": [1, 2]}
    )
    stage.script.let("step2", raises("Broken"))
    failed = _to_the_end(stage, machine(a=task("step2", Retry=[{"ErrorEquals": ["Broken"], "MaxAttempts": 1}])))
    stage.script.parts.clear()
    stage.executions.redrive(failed)
    stage.run()
    stopped = stage.start(steps("step1", "step2"))
    _claimed_and_lost(stage, stopped)
    stage.executions.pause(stopped)
    stage.executions.resume(stopped)
    stage.executions.stop(stopped)


def _claimed_and_lost(stage: Stage, execution: str) -> None:
    claim = stage.claim(execution)
    stage.tasks.present()
    stage.tasks.heartbeat([claim])
    stage.set(stage.task(execution), lease_until=1)
    stage.tasks.sweep()


def _to_the_end(stage: Stage, definition: Any, **start: Any) -> str:
    execution = stage.start(definition, **start)
    stage.run()
    assert stage.status(execution) != "IN_PROGRESS"
    return execution
