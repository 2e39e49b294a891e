"""A real PgBouncer between us and PostgreSQL: in session mode all works, any other mode is refused at once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Barrier

import psycopg2
import pytest

from stepwell.db.database import connect, database
from stepwell.db.migrate import main, migrate
from stepwell.db.pooler import SharedSession, refuse_shared_sessions
from tests.db.test_migrate import NAMES
from tests.runtime.stage import staged, steps
from tests.services import PgBouncer, until
from tests.test_deployment import ROOT, api, ends_on_sigterm, environment, is_up, procfile, started

__all__ = ["environment"]


@pytest.fixture
def session_pooler(postgres_url: str) -> Iterator[str]:
    with PgBouncer(postgres_url, "session") as server:
        yield server.url


@pytest.fixture
def transaction_pooler(postgres_url: str) -> Iterator[str]:
    with PgBouncer(postgres_url, "transaction") as server:
        yield server.url


def test_executions_run_through_a_pooler_in_session_mode(session_pooler: str, tmp_path: Path):
    refuse_shared_sessions(session_pooler)
    with staged(session_pooler, tmp_path) as stage:
        for _ in range(3):
            execution = stage.start(steps("step1", "step2"))
            stage.run()
            assert stage.status(execution) == "COMPLETED"
        with database.connection_context():
            limits = [database.execute_sql(f"SHOW {one}").fetchone()[0] for one in LIMITS]
        assert limits == ["5s", "10s", "15s", "UTC"]


LIMITS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "timezone")


def test_migrations_run_through_a_pooler_in_session_mode(session_pooler: str):
    connect(session_pooler)
    assert migrate() == NAMES
    assert migrate() == []
    database.close_all()


@pytest.mark.parametrize("busy", [0, 1, 8])
def test_transaction_mode_is_refused_however_busy_the_pooler_is(transaction_pooler: str, busy: int):
    with crowd(transaction_pooler, busy), pytest.raises(SharedSession, match="pool_mode=session"):
        refuse_shared_sessions(transaction_pooler)


def test_statement_mode_is_refused(postgres_url: str):
    with PgBouncer(postgres_url, "statement") as server, pytest.raises(SharedSession):
        refuse_shared_sessions(server.url)


@pytest.mark.parametrize("busy", [0, 8])
def test_session_mode_is_never_refused(session_pooler: str, busy: int):
    with crowd(session_pooler, busy):
        for _ in range(5):
            refuse_shared_sessions(session_pooler)


def crowd(url: str, count: int) -> ExitStack:
    """This number of other clients, each of which sends transactions without a pause until the block ends."""
    stack = ExitStack()
    if not count:
        return stack
    ended: list[bool] = []
    all_here = Barrier(count + 1)

    def client() -> None:
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                all_here.wait(30)
                while not ended:
                    cursor.execute("SELECT pg_sleep(0.001)")

    pool = stack.enter_context(ThreadPoolExecutor(count))
    running = [pool.submit(client) for _ in range(count)]
    all_here.wait(30)
    stack.callback(lambda: [one.result() for one in running])
    stack.callback(ended.append, True)
    return stack


def test_nothing_is_said_of_sqlite_and_of_what_cannot_be_reached(postgres_url: str):
    refuse_shared_sessions("sqlite:///somewhere.db")
    refuse_shared_sessions("postgresql://a:b@127.0.0.1:1/c")
    refuse_shared_sessions(postgres_url)


def test_a_migration_refuses_transaction_mode_before_it_changes_anything(transaction_pooler: str, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", transaction_pooler)
    assert main() == 2
    assert "pool_mode=session" in capsys.readouterr().err


def test_a_session_that_others_prepare_statements_in_says_so(postgres_url: str, tmp_path: Path):
    """What is left where the pooler could not be asked at the start: the database was away."""
    with staged(postgres_url, tmp_path) as stage:
        stage.start(steps("step1"))
        with database.connection_context():
            database.connection().prepared.clear()
        with pytest.raises(SharedSession):
            stage.start(steps("step1"))


@pytest.mark.parametrize("process", ["web", "worker", "release"])
def test_a_pooler_that_shares_sessions_is_refused_at_the_start(environment: dict[str, str], process: str) -> None:
    with PgBouncer(environment["DATABASE_URL"], "transaction") as pooler:
        environment["DATABASE_URL"] = pooler.url
        ended = subprocess.run(procfile()[process], cwd=ROOT, env=environment, capture_output=True, timeout=60)
        said = ended.stderr.decode()
        assert ended.returncode != 0
        assert "DATABASE_URL: the connection pooler at 127.0.0.1:" in said and "pool_mode=session" in said
        assert "Traceback" not in said and pooler.url not in said


def test_all_runs_through_a_pooler_in_session_mode(environment: dict[str, str]) -> None:
    with PgBouncer(environment["DATABASE_URL"], "session") as pooler:
        environment["DATABASE_URL"] = pooler.url
        subprocess.run(procfile()["release"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        ask = api(environment)
        with started("web", environment) as web, started("worker", environment) as worker:
            until(lambda: is_up(ask), "the web process is ready")
            begun = [ask("/tasks/sample-flow")["executionId"] for _ in range(20)]
            for one in begun:
                until(lambda one=one: ask(f"/executions/{one}")["status"] == "COMPLETED", f"{one} ends")
            assert [ends_on_sigterm(one) for one in (worker, web)] == [0, 0]
