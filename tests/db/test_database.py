"""The pool of PostgreSQL connections."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Barrier, Event, Thread
from unittest.mock import patch

import psycopg2
import pytest
from peewee import OperationalError
from playhouse.pool import PooledPostgresqlDatabase

from stepwell.db.database import connect, database, unhurried
from stepwell.db.watchdog import WatchedConnection
from tests.services import Postgres, until

ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"


def backend() -> int:
    return int(database.execute_sql("SELECT pg_backend_pid()").fetchone()[0])


def fill(connections: int) -> None:
    """Leave this number of recently used connections idle in the pool."""
    barrier = Barrier(connections)

    def use() -> None:
        with database.connection_context():
            backend()
            barrier.wait(30)

    threads = [Thread(target=use) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_one_broken_connection_gives_away_the_others(postgres_url: str):
    made = connect(postgres_url)
    fill(4)
    killer = database.obj._connections[-1][2]
    with killer.cursor() as cursor:
        cursor.execute(ENDED, (killer.info.backend_pid,))
    with pytest.raises(OperationalError), database.connection_context():
        backend()
    for _ in range(4):
        with database.connection_context():
            assert backend()
    made.close_all()


def test_a_connection_that_was_used_a_moment_ago_is_not_asked(postgres_url: str, monkeypatch):
    made = connect(postgres_url)
    fill(1)
    monkeypatch.setattr(type(made._adapter), "is_connection_closed", lambda *given: pytest.fail("it was asked"))
    with database.connection_context():
        backend()
    made.close_all()


def test_a_statement_that_is_never_answered_breaks_its_connection(monkeypatch):
    with Postgres() as server:
        made = connect(server.url)
        with database.connection_context():
            backend()
            monkeypatch.setattr(WatchedConnection, "patience", 0.0)
            server.pause()
            with pytest.raises(OperationalError):
                backend()
        server.resume()
        monkeypatch.undo()
        with database.connection_context():
            assert backend()
        made.close_all()


def test_who_waited_while_no_connection_could_be_made_does_not_try_again(monkeypatch):
    with Postgres() as server:
        made = connect(server.url)
    tries: list[object] = []
    began, refused = Event(), Event()

    def connect_at_last(*given: object, **values: object) -> object:
        tries.append(1)
        began.set()
        refused.wait(30)
        raise psycopg2.OperationalError("silent")

    wanted: list[object] = []
    take = PooledPostgresqlDatabase.connect

    def noted(*given: object) -> object:
        wanted.append(1)
        return take(*given)

    monkeypatch.setattr(PooledPostgresqlDatabase, "connect", noted)
    monkeypatch.setattr(made._adapter, "connect", connect_at_last)
    failed: list[OperationalError] = []

    def ask() -> None:
        try:
            with database.connection_context():
                backend()
        except OperationalError as fault:
            failed.append(fault)

    threads = [Thread(target=ask) for _ in range(5)]
    threads[0].start()
    assert began.wait(30)
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(wanted) == len(threads), "all wait for a connection")
    refused.set()
    for thread in threads:
        thread.join(30)
    assert (len(failed), len(tries)) == (5, 1)


def test_a_statement_that_may_take_long_is_waited_for(postgres_url: str, monkeypatch):
    made = connect(postgres_url)
    monkeypatch.setattr(WatchedConnection, "patience", 0.0)
    with database.connection_context():
        with unhurried():
            database.execute_sql("SELECT pg_sleep(1.5)")
            assert backend()
        with pytest.raises(OperationalError):
            database.execute_sql("SELECT pg_sleep(60)")
    made.close_all()


def test_a_new_connection_drops_no_lock_of_another_one(tmp_path: Path) -> None:
    """Closing any descriptor of a file drops all POSIX locks of the process on it, and SQLite's are such locks."""
    connect(f"sqlite:///{tmp_path / 'stepwell.db'}")
    with database.connection_context():
        database.execute_sql("SELECT 1")
    opened: list[str] = []
    with patch.object(os, "close", lambda descriptor: opened.append("closed")):
        database._connect().close()
    assert opened == []
    database.close_all()
