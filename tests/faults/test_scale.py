"""A database full of finished executions: the frequent statements stay quick, and none scans finished rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from stepwell.db import queries
from stepwell.db.database import database, is_sqlite
from stepwell.db.models import Task
from stepwell.functions.contract.rest import EXECUTION_STATUSES
from stepwell.runtime.app import create_app
from stepwell.runtime.engine.values.statuses import TaskStatus
from stepwell.runtime.mover import timers
from stepwell.runtime.moves.start import Wanted
from tests.faults.conftest import Measured
from tests.faults.crowd import multiply
from tests.runtime.stage import Stage, machine, staged, steps, task
from tests.services import Postgres, fresh_database, until

FINISHED = {"postgresql": 1_000_000, "sqlite": 200_000}
LIVE = 300
HELD = 32
TIMES = 30
FAR_MS = 3_600_000
STATEMENT_MS = 50.0
PAGE_MS = 300.0

SCANS = {f"SCAN {name}" for name in ("execution", "e", "task", "t", "attempt", "history", "timer")}
"""SQLite's words for a full scan of one of our tables, under any name or alias in our statements."""

OPEN_TASKS = ("QUEUED", "IN_PROGRESS", "FAILED")
PAGES = (
    *("/queues", "/executions", "/tasks", "/executions?workflow=done", "/executions?workflow=rare"),
    *(f"/executions?status={status}" for status in EXECUTION_STATUSES),
    *(f"/queues?tasks={status}" for status in OPEN_TASKS),
    *(f"/tasks?status={status}" for status in OPEN_TASKS),
)
BY_BOTH = tuple(
    f"/executions?workflow={name}&status={status}" for name in ("done", "rare") for status in EXECUTION_STATUSES
)
"""For PostgreSQL alone: SQLite knows only averages, and may choose the wrong one of two indexes."""


@pytest.fixture(scope="module", params=FINISHED)
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage with many finished executions. Some tasks are queued, some run, and some timers wait."""
    home = tmp_path_factory.mktemp("full")
    count = FINISHED[request.param]
    if request.param == "sqlite":
        with filled(f"sqlite:///{home / 'stepwell.db'}", home, count) as stage:
            yield stage
        return
    with Postgres() as server, fresh_database(server.url) as url, filled(url, home, count) as stage:
        yield stage


@contextmanager
def filled(url: str, home: Path, count: int) -> Iterator[Stage]:
    with staged(url, home) as stage:
        first = stage.start(steps("step1"), workflow="done")
        stage.run()
        stage.start(steps("step1"), workflow="rare")
        stage.workflows.create("waits", machine(Rest={"Type": "Wait", "Seconds": 3000}, Work=task("step1")))
        for name in ["done"] * LIVE + ["waits"] * LIVE:
            stage.executions.start(stage.workflows.latest(name), Wanted({}))
        for task_id in stage.take_queued()[:HELD]:
            assert stage.tasks.claim(task_id)
        with database.connection_context():
            far = queries.now() + FAR_MS
            Task.update(lease_until=far, deadline_at=far).where(Task.status == TaskStatus.IN_PROGRESS).execute()
        # No statement searches the history or the attempts of more than one execution: no copies needed.
        multiply(first, range(1, count + 1), ledger=False)
        yield stage


def milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def hot(stage: Stage) -> dict[str, Callable[[], object]]:
    """The actions that workers repeat all the time, by name. Each may be called again and again."""
    tasks = stage.tasks
    with database.connection_context():
        held = [
            claim for row in Task.select().where(Task.status == TaskStatus.IN_PROGRESS) for claim in tasks.held(row.id)
        ]
        waiting = [one.id for one in stage.waiting(0, LIVE)]
        workflow = Task.get_by_id(waiting[-1]).workflow_id
    queued = iter(waiting)
    claims: list[Any] = []
    return {
        "sweep": lambda: (tasks.sweep(), tasks.unclaimed({}), tasks.unclaimed({workflow: waiting[-1]})),
        f"heartbeat for {HELD}": lambda: tasks.heartbeat(held),
        "due timers": in_connection(lambda: (timers.next_due(), queries.next_timer_ms())),
        "claim": lambda: claims.append(tasks.claim(next(queued))),
        "finish": lambda: stage.succeed(claims.pop()),
        "start": lambda: stage.executions.start(stage.workflows.latest("rare"), Wanted({})),
    }


def in_connection(act: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with database.connection_context():
            return act()

    return run


def test_what_workers_do_all_the_time_stays_quick(full: Stage, measured: Measured):
    for name, act in hot(full).items():
        took = [milliseconds(act) for _ in range(TIMES)]
        measured(f"{name}, median milliseconds", statistics.median(took))
        assert min(took) < STATEMENT_MS, name


def test_nothing_that_is_finished_is_scanned(full: Stage):
    scans = scans_of_sqlite if is_sqlite() else scans_of_postgresql
    assert scans(full, list(hot(full).values())) == []


def scans_of_sqlite(stage: Stage, acts: list[Callable[[], object]]) -> list[str]:
    """Run these acts. Returns the plan and the text of each statement that scans a whole table."""
    said: list[str] = []
    with database.connection_context():
        connection = database.connection()
        connection.set_trace_callback(said.append)
        for act in acts:
            act()
        connection.set_trace_callback(None)
        statements = [one for one in said if one.lstrip().split()[0] in ("SELECT", "UPDATE", "INSERT", "DELETE")]
        assert len(statements) > len(acts)
        plans = [(row[3], one) for one in statements for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")]
    return [f"{plan}: {one}" for plan, one in plans if plan in SCANS]


def scans_of_postgresql(stage: Stage, acts: list[Callable[[], object]]) -> list[str]:
    """Run these acts. Returns the tables that were scanned as a whole, by PostgreSQL's own counters."""
    url = stage.runtime.settings.database_url
    database.close_all()
    before = counted(url)
    for _ in range(TIMES // 3):
        for act in acts:
            act()
    database.close_all()
    until(lambda: counted(url)["task"][1] >= before["task"][1] + TIMES, "the statistics are written")
    after = counted(url)
    return [table for table in after if after[table][0] > before[table][0]]


def counted(url: str) -> dict[str, tuple[int, int]]:
    """For each big table: the number of its scans and of scans of its indexes."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname IN ('execution', 'task')"
        )
        return {name: (scans, lookups) for name, scans, lookups in cursor.fetchall()}


def test_pages_stay_quick(full: Stage, measured: Measured):
    client = create_app(full.runtime.settings, full.runtime).test_client()
    took: dict[str, float] = {}
    for path in PAGES if is_sqlite() else PAGES + BY_BOTH:
        assert client.get(path).status_code == 200, path
        took[path] = min(milliseconds(lambda path=path: client.get(path)) for _ in range(3))
    for path in ("/queues", "/executions", "/tasks", max(took, key=lambda path: took[path])):
        measured(f"{path}, milliseconds", took[path])
    assert {path: one for path, one in took.items() if one >= PAGE_MS} == {}
