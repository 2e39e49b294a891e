"""Statements repeated by workers read no finished rows, by PostgreSQL's own plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stepwell.db import postgresql, queries
from stepwell.db.database import database, transaction
from stepwell.db.models import Execution
from stepwell.runtime.api.executions import ExecutionsApi
from stepwell.runtime.api.tasks import TasksApi
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.ids import new_id
from stepwell.runtime.mover import timers
from stepwell.runtime.moves import hot_path, polled_tasks, start
from stepwell.runtime.moves.start import Wanted
from tests.runtime.stage import Stage, staged, steps

FINISHED = 4000

FILL = (
    """
    INSERT INTO execution (id, workflow_id, workflow, version_id, version, status, paused, revision, history_count,
      entry, entered_at, waiting, retries, open, data, begun, children, variables, input, created_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'old', gen_random_uuid(), 1, 'COMPLETED', false, 9, 9,
      0, 0, 'ended', '', 0, 'null', 0, 0, '{}', '{}', n FROM generate_series(1, %(rows)s) n
    """,
    """
    INSERT INTO task (id, execution_id, number, frame, entry, step, function, status, attempt, retries, losses, data,
      created_at, started_at, finished_at)
    SELECT gen_random_uuid(), id, 1, '', 0, 's', 'step1', 'COMPLETED', 1, 0, 0, 'null', 1, 1, 1 FROM execution
    """,
    """
    INSERT INTO history (execution_id, id, type, at, frame, details)
    SELECT id, n, 'PassStateEntered', 1, '', '{}' FROM execution, generate_series(1, 3) n
    """,
    """
    INSERT INTO timer (execution_id, frame, entry, number, kind, due_at)
    SELECT gen_random_uuid(), '', 1, 0, 'wait', 9000000000000 + n FROM generate_series(1, %(rows)s) n
    """,
    "ANALYZE",
)


@pytest.fixture
def old_stage(postgres_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage with thousands of ended executions and timers in the far future."""
    with staged(postgres_url, tmp_path / "home") as stage:
        with database.connection_context():
            for statement in FILL:
                database.execute_sql(statement, {"rows": FINISHED})
        yield stage


def plans_of(act: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> str:
    """The plans of all statements of an act."""
    statements: list[tuple[str, Any]] = []
    execute = database.obj.execute_sql

    def record(sql: str, params: Any = None, *args: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, *args)

    with monkeypatch.context() as patch:
        patch.setattr(database.obj, "execute_sql", record)
        act()
    assert statements
    return "\n".join(explained(sql, params) for sql, params in statements if not sql.startswith(("BEGIN", "COMMIT")))


def explained(sql: str, params: Any = None) -> str:
    with database.connection_context():
        return "\n".join(line for (line,) in database.execute_sql(f"EXPLAIN {sql}", params).fetchall())


REPEATED: dict[str, Callable[[Stage], Any]] = {
    "lost leases": lambda stage: queries.lost_tasks(),
    "overdue tasks": lambda stage: queries.overdue_tasks(0),
    "silent tasks": lambda stage: queries.tasks_without_heartbeat(),
    "executions that nobody waits for": lambda stage: stage.work.nested.sweep(),
    "tasks of an activity": lambda stage: polled_tasks.poll("ask"),
    "due timers": lambda stage: timers.next_due(),
    "timers that were put off": lambda stage: timers.take_again(1000),
    "the next timer": lambda stage: queries.next_timer_ms(),
    "the next timer that was put off": lambda stage: queries.next_again_ms(),
    "queued tasks": lambda stage: stage.waiting(0, 16),
    "forgotten tasks": lambda stage: stage.tasks.unclaimed({}),
    "counts of tasks": lambda stage: TasksApi(stage.executions).counts(),
}


@pytest.mark.parametrize("name", REPEATED)
def test_what_every_loop_asks_scans_no_table(old_stage: Stage, monkeypatch, name: str):
    old_stage.claim(old_stage.start(steps("step1")))
    with database.connection_context():
        plans = plans_of(lambda: REPEATED[name](old_stage), monkeypatch)
    # Map Runs are none here: PostgreSQL reads their empty table, not its index.
    scans = [line for line in plans.splitlines() if "Seq Scan" in line and "map_run" not in line]
    assert "Index" in plans and not scans, plans


def test_a_move_by_the_general_path_scans_no_table(old_stage: Stage, monkeypatch):
    def play() -> None:
        identity = old_stage.start(steps("step1", "step2"))
        old_stage.succeed_slowly(old_stage.claim(identity))
        old_stage.executions.pause(identity)
        old_stage.executions.resume(identity)
        old_stage.tasks.give_back(old_stage.claim(identity))
        old_stage.executions.cancel(identity)

    plans = plans_of(play, monkeypatch)
    tables = [line for line in plans.splitlines() if "Seq Scan on" in line]
    assert not any(name in line for line in tables for name in ("execution", "task", "history", "timer")), plans


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_no_prepared_statement_scans_a_table(old_stage: Stage, mode: str):
    identity = old_stage.start(steps("step1", "step2"))
    waiting = old_stage.task(identity).id
    claim = old_stage.claim(identity)
    move = hot_path.decide(
        claim,
        1,
        old_stage.workflows.machine(claim.version_id),
        hot_path.Moment(claim.now, 0),
        old_stage.executions.limits,
    )
    finish = hot_path.finish(move, "1", "", lambda following: True, 1000)
    values = {
        "claim": (waiting, "me", 1000, ["step1"], True),
        "finish": postgresql.finish_values(finish),
        "heartbeat": ([new_id() for _ in range(8)], [1] * 8, "somebody", 1),
    }
    assert values.keys() | {"start"} == postgresql.PREPARE.keys()
    with database.connection_context():
        database.execute_sql(f"DEALLOCATE ALL; SET plan_cache_mode = {mode}")
        for name, given in values.items():
            database.execute_sql(postgresql.PREPARE[name])
            plan = explained(f"EXECUTE {name}({', '.join(['%s'] * len(given))})", given)
            scans = [line for line in plan.splitlines() if "Seq Scan on" in line]
            # Stored functions and Map Runs are few or none here: PostgreSQL reads their one page, not their index.
            assert "Index" in plan and all("stored_function" in line or "map_run" in line for line in scans), plan


def test_a_page_of_a_listing_scans_no_table(old_stage: Stage, monkeypatch):
    api = ExecutionsApi(old_stage.executions, old_stage.workflows)
    identity = old_stage.start(steps("step1"))
    for act in (
        lambda: api.list(workflow=None, status=None, limit=20, cursor=None),
        lambda: api.list(workflow=None, status="IN_PROGRESS", limit=20, cursor=None),
        lambda: api.history(identity, after=0, limit=20),
        lambda: api.get(identity),
        lambda: TasksApi(old_stage.executions).list(status=None, limit=20, cursor=None),
    ):
        plans = plans_of(act, monkeypatch)
        assert "Seq Scan on execution" not in plans and "Seq Scan on task" not in plans, plans
        assert "Seq Scan on history" not in plans, plans


def test_a_connection_that_was_reset_prepares_its_statements_again(postgres_url: str, tmp_path: Path):
    with staged(postgres_url, tmp_path / "home") as stage:
        stage.claim(stage.start(steps("step1")))
        with database.connection_context():
            database.execute_sql("DEALLOCATE ALL")
        assert stage.claim(stage.start(steps("step1"))).attempt == 1


def test_a_statement_may_be_prepared_inside_a_transaction(postgres_url: str, tmp_path: Path):
    with staged(postgres_url, tmp_path) as stage:
        stage.workflows.create("w", steps("step1"))
        database.close_all()
        latest = stage.workflows.latest("w")
        wanted = start.begin(latest, stage.workflows.machine(latest.version_id), Wanted({}), 0, EngineLimits())
        with database.connection_context(), transaction():
            assert Execution.select().count() == 0
            assert queries.start(wanted)
        assert stage.status(wanted.execution.id) == "IN_PROGRESS"
