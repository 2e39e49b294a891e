"""Many executions at once: the database itself copies an existing one."""

from __future__ import annotations

from typing import Any

from stepwell.db.database import database, is_sqlite, unhurried
from stepwell.db.models import Attempt, Execution, History, Task
from stepwell.db.values import QueuedTask
from stepwell.runtime.engine.values.statuses import TaskStatus
from tests.faults.stack import Stack

NUMBERS = {
    "postgresql": "SELECT n FROM generate_series({first}, {last}) AS made(n)",
    "sqlite": (
        "SELECT n FROM (WITH RECURSIVE made(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM made WHERE n < {last}) "
        "SELECT n FROM made)"
    ),
}
IDS = {
    "postgresql": (
        "(lpad(to_hex(n / 65536), 8, '0') || '-' || lpad(to_hex(mod(n, 65536)), 4, '0') || '-7000-8000-' || "
        "lpad(to_hex({number}), 12, '0'))::uuid"
    ),
    "sqlite": "printf('%08x-%04x-7000-8000-%012x', n / 65536, n % 65536, {number})",
}
"""The id of a copy. It is older than every real id, and adds a task's number as ``stepwell.runtime.ids`` does."""


def multiply(execution_id: str, numbers: range, *, ledger: bool = True) -> None:
    """Copy an execution without branches, once for each number, with its tasks.

    ``ledger``: copy its attempts and its history too.
    """
    own, of_task = _id("0"), _id("number")
    mine = f"execution_id = '{execution_id}'"
    with database.connection_context():
        _copy(Execution, f"id = '{execution_id}'", numbers, id=own, name="NULL")
        _copy(Task, mine, numbers, id=of_task, execution_id=own)
        if ledger:
            _copy(History, mine, numbers, execution_id=own)
            for task in list(Task.select().where(Task.execution_id == execution_id)):
                _copy(Attempt, f"task_id = '{task.id}'", numbers, task_id=_id(str(task.number)))
        for model in (Execution, Task, History, Attempt):
            database.execute_sql(f"{'ANALYZE' if is_sqlite() else 'VACUUM ANALYZE'} {model._meta.table_name}")


def _id(number: str) -> str:
    return IDS[_dialect()].format(number=number)


def _dialect() -> str:
    return "sqlite" if is_sqlite() else "postgresql"


def _copy(model: Any, where: str, numbers: range, **changed: str) -> None:
    columns = [field.column_name for field in model._meta.sorted_fields]
    values = [changed.get(column, f'one."{column}"') for column in columns]
    names = ", ".join(f'"{column}"' for column in columns)
    table = model._meta.table_name
    made = NUMBERS[_dialect()].format(first=numbers[0], last=numbers[-1])
    sql = f'INSERT INTO "{table}" ({names}) SELECT {", ".join(values)} FROM ({made}) AS made, "{table}" AS one'
    with unhurried():
        database.execute_sql(f"{sql} WHERE {where}")


def queue(stack: Stack, size: int) -> None:
    """Queue ``size`` executions of one step each, and notify the workers of each."""
    multiply(stack.start("step1"), range(1, size))
    with database.connection_context():
        rows = Task.select(Task.id, Task.workflow_id).where(Task.status == TaskStatus.QUEUED)
        queued = [QueuedTask(task.id, task.workflow_id) for task in rows]
    stack.stage.take_queued()
    stack.stage.executions.notifier.notify(queued)
    assert stack.stage.queue.depth() == len(queued) == size


def drain(stack: Stack, size: int) -> None:
    """Run two workers until all ``size`` executions are COMPLETED."""
    workers = [stack.worker(f"worker-{number}") for number in (1, 2)]
    stack.all_end(size, seconds=300)
    for worker in workers:
        worker.stop()
