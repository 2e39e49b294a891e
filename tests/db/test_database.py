"""The pool of PostgreSQL connections."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest
from peewee import OperationalError

from db.database import connect, database

ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"


def backend() -> int:
    return int(database.execute_sql("SELECT pg_backend_pid()").fetchone()[0])


def fill(connections: int) -> None:
    """Let so many connections rest in the pool, used a moment ago."""
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
