"""Indexes of new migrations are built beside the work of others; one that broke is rebuilt; locks are let go."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from peewee import Database, OperationalError

from stepwell.db import database as pool
from stepwell.db import migrate as runner
from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from tests.db.test_migrate import EXECUTION, NAMES, RUNNING_EXECUTION, schema
from tests.services import until

NEW = "9999_new"
INDEX = """
CONCURRENTLY = {"task_of_owner": 'ON "task" ("owner", "id") WHERE owner IS NOT NULL'}

def up(migrator, db):
    pass

def down(migrator, db):
    db.execute_sql("DROP INDEX IF EXISTS task_of_owner")
"""
COLUMN = """
def up(migrator, db):
    db.execute_sql("ALTER TABLE execution ADD COLUMN new TEXT")
"""
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('task_of_owner')"
BUILDING = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND state = 'active'"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may add to."""
    copy = tmp_path / "migrations"
    shutil.copytree(runner.DIRECTORY, copy)
    monkeypatch.setattr(runner, "DIRECTORY", copy)
    return copy


@contextmanager
def another_session(url: str) -> Iterator[Any]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        yield cursor


def ask(url: str, sql: str) -> list[Any]:
    """The rows of a statement in a session and a transaction of its own, committed at once."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def names_of_indexes() -> set[str]:
    return {name for _, name, _ in schema()["indexes"]}


def test_the_indexes_of_a_migration_are_built(bound: Database, directory: Path) -> None:
    assert migrate() == NAMES
    (directory / f"{NEW}.py").write_text(INDEX)
    assert migrate() == [NEW]
    assert "task_of_owner" in names_of_indexes()
    assert migrate() == []


def test_an_index_that_was_never_begun_is_built_by_the_next_run(
    bound: Database, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died after its migrations were committed. On SQLite all of it is one transaction."""
    (directory / f"{NEW}.py").write_text(INDEX)
    with monkeypatch.context() as dying:
        dying.setattr(runner, "_build", lambda declared: None)
        assert NEW in migrate()
    assert "task_of_owner" not in names_of_indexes()
    assert migrate() == []
    assert "task_of_owner" in names_of_indexes()


@pytest.fixture
def migrated(postgres_url: str, directory: Path) -> Iterator[str]:
    connect(postgres_url)
    migrate()
    yield postgres_url
    database.close_all()


def test_rows_are_written_while_an_index_is_built_and_one_that_broke_is_rebuilt(migrated: str, directory: Path) -> None:
    (directory / f"{NEW}.py").write_text(INDEX)
    with ThreadPoolExecutor(1) as pool, another_session(migrated) as writer:
        writer.execute("LOCK TABLE task IN ROW EXCLUSIVE MODE")  # as a statement does; the build waits for its commit
        migrating = pool.submit(migrate)
        until(lambda: ask(migrated, BUILDING), "the index is being built")
        ask(migrated, RUNNING_EXECUTION)
        ask(migrated, f"UPDATE execution SET status = 'CANCELLED' WHERE id = '{EXECUTION}'")
        ((pid,),) = ask(migrated, BUILDING)
        ask(migrated, f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(OperationalError):
            migrating.result()
    assert ask(migrated, VALID) == [(False,)]
    assert migrate() == []
    assert ask(migrated, VALID) == [(True,)]


def test_any_invalid_index_of_ours_is_rebuilt_and_left_overs_go(migrated: str) -> None:
    ask(migrated, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'task_queued'::regclass")
    ask(migrated, "CREATE INDEX task_queued_ccnew ON task (queued_at)")
    ask(migrated, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'task_queued_ccnew'::regclass")
    ask(migrated, "CREATE TABLE others (id int); CREATE INDEX of_others ON others (id)")
    ask(migrated, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'of_others'::regclass")
    assert migrate() == []
    broken = ask(migrated, "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    assert broken == [("of_others",)]
    assert "task_queued_ccnew" not in names_of_indexes()


def test_who_waits_for_a_table_lets_others_by(
    migrated: str, directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A backup reads for hours: a migration that waited for it would keep all others out of the table."""
    monkeypatch.setattr(pool, "PATIENT_LOCK", "50ms")
    monkeypatch.setattr(runner, "TRY_PAUSE_SECONDS", 0.1)
    (directory / f"{NEW}.py").write_text(COLUMN)
    with ThreadPoolExecutor(1) as threads, another_session(migrated) as backup:
        backup.execute("SELECT count(*) FROM execution")
        with caplog.at_level(logging.WARNING, "stepwell.migrate"):
            migrating = threads.submit(migrate)
            until(lambda: "trying again" in caplog.text, "the migration gave its place up")
            assert ask(migrated, "SELECT count(*) FROM execution") == [(0,)]
        backup.connection.rollback()
        assert migrating.result() == [NEW]


def test_a_table_that_stays_locked_is_told_and_nothing_is_changed(
    migrated: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PATIENT_LOCK", "10ms")
    monkeypatch.setattr(runner, "TRY_PAUSE_SECONDS", 0.01)
    (directory / f"{NEW}.py").write_text(COLUMN)
    before = schema()
    with another_session(migrated) as backup:
        backup.execute("SELECT count(*) FROM execution")
        with pytest.raises(OperationalError, match="lock timeout"):
            migrate()
    assert schema() == before


def test_a_second_process_waits_without_holding_up_the_build_of_the_first(migrated: str, directory: Path) -> None:
    """With a waiting statement instead the two would wait for each other, and PostgreSQL would end one of them."""
    (directory / f"{NEW}.py").write_text(INDEX)
    with ThreadPoolExecutor(2) as threads, another_session(migrated) as writer:
        writer.execute("LOCK TABLE task IN ROW EXCLUSIVE MODE")
        first = threads.submit(migrate)
        until(lambda: ask(migrated, BUILDING), "the index is being built")
        second = threads.submit(migrate)
        until(lambda: ask(migrated, WAITING), "the second process asks for the lock")
        writer.connection.rollback()
        assert (first.result(), second.result()) == ([NEW], [])
    assert ask(migrated, VALID) == [(True,)]


WAITING = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_try_advisory_lock%' AND state = 'idle'"
