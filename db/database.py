"""The connection, the pool and the transaction, for SQLite and PostgreSQL alike.

One process has one database: :func:`connect` binds it, the models and ``queries`` use it. Every piece of work runs
inside ``database.connection_context()``, which takes a connection for the thread and gives it back.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from peewee import Database, DatabaseProxy
from playhouse.db_url import parse as parse_url
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase

database = DatabaseProxy()
_writing = threading.RLock()
"""SQLite has one writer at a time. Queueing for it here is fair; inside SQLite a thread can starve."""

CONNECTIONS = 40
RESTED_SECONDS = 1.0
LOCKED_SECONDS = 10
VANISHED = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A host that is gone without a word is noticed in seconds; the kernel itself would wait for many minutes."""
SESSION = "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=15s"


def connect(url: str, *, synchronous: str = "NORMAL", connections: int = CONNECTIONS) -> Database:
    """Bind this process to the database at ``url``; nothing is opened yet. ``synchronous`` is SQLite's."""
    made = _sqlite(url, synchronous) if url.startswith("sqlite") else _postgresql(url, connections)
    database.initialize(made)
    return made


def is_sqlite() -> bool:
    """Which of the two dialects this process speaks."""
    return isinstance(database.obj, PooledSqliteDatabase)


@contextmanager
def transaction() -> Iterator[None]:
    """All of it or nothing, at READ COMMITTED; on SQLite as the only writer."""
    if not is_sqlite():
        with database.atomic():
            yield
        return
    with _writing, database.atomic("IMMEDIATE"):
        yield


class _Pool(PooledPostgresqlDatabase):
    """A pool that asks a connection whether it lives only when it has rested: the question is a round trip.

    Where one comes back broken, the others are asked as well, however short they have rested.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._given_back: dict[int, float] = {}

    def _close(self, conn: Any, close_conn: bool = False) -> None:
        if conn.closed:
            self._given_back.clear()
        else:
            self._given_back[id(conn)] = time.monotonic()
        super()._close(conn, close_conn)

    def _is_closed(self, conn: Any) -> bool:
        rested = time.monotonic() - self._given_back.pop(id(conn), 0.0)
        return bool(conn.closed) if rested < RESTED_SECONDS else bool(super()._is_closed(conn))


class _File(PooledSqliteDatabase):
    """SQLite, waiting its turn also for what SQLite's own time-out does not cover: the step of a new file into WAL."""

    def _set_pragmas(self, conn: sqlite3.Connection) -> None:
        deadline = time.monotonic() + LOCKED_SECONDS
        while True:
            try:
                return super()._set_pragmas(conn)
            except sqlite3.OperationalError as fault:
                if "locked" not in str(fault) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _sqlite(url: str, synchronous: str) -> PooledSqliteDatabase:
    path = Path(unquote(urlsplit(url).path.removeprefix("/")))
    path.parent.mkdir(parents=True, exist_ok=True)
    pragmas = {"journal_mode": "wal", "synchronous": synchronous, "busy_timeout": 10_000, "foreign_keys": 0}
    return _File(str(path), pragmas=pragmas, timeout=LOCKED_SECONDS, max_connections=None, check_same_thread=False)


def _postgresql(url: str, connections: int) -> _Pool:
    parts = parse_url(url, unquote_password=True, unquote_user=True)
    name = parts.pop("database")
    given = f"{parts.pop('options', '')} {SESSION}".strip()
    for option, value in VANISHED.items():
        parts.setdefault(option, value)
    return _Pool(name, max_connections=connections, stale_timeout=3600, timeout=10, options=given, **parts)
