"""A page of executions comes from an index in its order: the database neither scans all executions nor sorts."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stepwell.db.database import database, is_sqlite
from stepwell.db.models import Execution, Version, Workflow
from stepwell.db.parents import Parent
from stepwell.runtime.ids import new_execution_id, new_id
from tests.runtime.stage import machine
from tests.wire.client import Wire
from tests.wire.test_map_runs import begun

Json = Any

COUNT = 4_000
PAGE = 20
PLAY = "arn:aws:states:us-east-1:123456789012:stateMachine:play"
QUESTIONS: tuple[tuple[str, Json], ...] = (
    ("execution_of_workflow", {"stateMachineArn": PLAY}),
    ("execution_of_workflow_status", {"stateMachineArn": PLAY, "statusFilter": "SUCCEEDED"}),
    ("execution_of_workflow_status", {"stateMachineArn": PLAY, "statusFilter": "TIMED_OUT"}),
    ("execution_of_workflow_status", {"stateMachineArn": PLAY, "statusFilter": "RUNNING"}),
    ("execution_of_published", {"stateMachineArn": f"{PLAY}:1"}),
    ("execution_of_alias", {"stateMachineArn": f"{PLAY}:live"}),
    ("execution_redriven", {"stateMachineArn": PLAY, "redriveFilter": "REDRIVEN"}),
    ("execution_of_workflow", {"stateMachineArn": PLAY, "redriveFilter": "NOT_REDRIVEN"}),
)
"""The index for each listing, and the listing's arguments."""


class Statements(logging.Handler):
    """Records the statements on executions. It must be added to Peewee's logger."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.made: list[tuple[str, Json]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, tuple) and 'FROM "execution"' in record.msg[0]:
            self.made.append(record.msg)  # type: ignore[arg-type]


@contextmanager
def recorded() -> Iterator[list[tuple[str, Json]]]:
    log, statements = logging.getLogger("peewee"), Statements()
    before = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(statements)
    try:
        yield statements.made
    finally:
        log.removeHandler(statements)
        log.setLevel(before)


def plan_of(sql: str, values: Json) -> str:
    with database.connection_context():
        explain = "EXPLAIN QUERY PLAN" if is_sqlite() else "EXPLAIN ANALYZE"
        return "\n".join(str(row[-1]) for row in database.execute_sql(f"{explain} {sql}", values).fetchall())


def fill(workflow: str, status: str, **columns: Any) -> None:
    """Inserts executions of a workflow; one in a hundred differs from the others in one column."""
    with database.connection_context():
        own = Workflow.get(Workflow.name == workflow)
        version = Version.get(Version.workflow_id == own.id)
        fixed = {"workflow_id": own.id, "workflow": workflow, "version_id": version.id, "version": 1, "input": "{}"}
        fixed |= {"created_at": 1, "finished_at": 2, "status": status, **columns}
        odd = {"published": 1, "alias": "live", "redrives": 1, "status": "TIMED_OUT"}
        plain = {"published": None, "alias": None, "redrives": 0}
        rows = [
            {**fixed, "id": new_execution_id(), **plain, **(odd if number % 100 == 0 else {})}
            for number in range(COUNT)
        ]
        for first in range(0, COUNT, 400):
            Execution.insert_many(rows[first : first + 400]).execute()


def analyse() -> None:
    with database.connection_context():
        database.execute_sql("ANALYZE")


def assert_is_indexed(index: str, plan: str) -> None:
    """Fails unless the plan reads this index in order, sorts nothing and skips few rows (PostgreSQL counts them)."""
    assert f"{index} " in plan, plan
    for word in ("Seq Scan", "SCAN", "Sort", "TEMP B-TREE"):
        assert word not in plan, plan
    passed_over = [int(count) for count in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
    assert sum(passed_over) <= PAGE, plan


def test_a_page_of_a_state_machines_executions(wire: Wire):
    wire.made(machine(P={"Type": "Pass"}), publish=True)
    route = [{"stateMachineVersionArn": f"{PLAY}:1", "weight": 100}]
    wire.client.create_state_machine_alias(name="live", routingConfiguration=route)
    wire.made(machine(P={"Type": "Pass"}), name="other")
    fill("play", "COMPLETED")
    fill("other", "TIMED_OUT")
    analyse()
    for index, question in QUESTIONS:
        with recorded() as statements:
            first = wire.client.list_executions(**question, maxResults=PAGE)
            if "nextToken" in first:
                wire.client.list_executions(**question, maxResults=PAGE, nextToken=first["nextToken"])
        assert len(statements) == 1 + ("nextToken" in first)
        for sql, values in statements:
            assert_is_indexed(index, plan_of(sql, values))


def test_a_page_of_a_map_runs_executions(wire: Wire):
    _, run = begun(wire, [1])
    fill("play/each", "COMPLETED", parent=Parent(run=new_id(), place=7).encode())
    analyse()
    with recorded() as statements:
        listed = wire.client.list_executions(mapRunArn=run, maxResults=PAGE)["executions"]
        wire.client.describe_map_run(mapRunArn=run)
    assert len(listed) == 1
    sql, values = next((sql, values) for sql, values in statements if "LIMIT" in sql and "substr(parent" in sql)
    assert_is_indexed("execution_of_map_run", plan_of(sql, values))
