"""The connection, the pool and the transaction, for SQLite and PostgreSQL alike.

One process has one database: :func:`connect` binds it, the models and ``queries`` use it. Every piece of work runs
inside ``database.connection_context()``, which takes a connection for the thread and gives it back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from peewee import Database, DatabaseProxy
from playhouse.db_url import parse as parse_url
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase

database = DatabaseProxy()
_writing = threading.RLock()
"""SQLite has one writer at a time. Queueing for it here is fair; inside SQLite a thread can starve."""

CONNECTIONS = 40
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


def _sqlite(url: str, synchronous: str) -> PooledSqliteDatabase:
    path = Path(unquote(urlsplit(url).path.removeprefix("/")))
    path.parent.mkdir(parents=True, exist_ok=True)
    pragmas = {"journal_mode": "wal", "synchronous": synchronous, "busy_timeout": 10_000, "foreign_keys": 0}
    return PooledSqliteDatabase(str(path), pragmas=pragmas, timeout=10, max_connections=None, check_same_thread=False)


def _postgresql(url: str, connections: int) -> PooledPostgresqlDatabase:
    parts = parse_url(url, unquote_password=True, unquote_user=True)
    name = parts.pop("database")
    given = f"{parts.pop('options', '')} {SESSION}".strip()
    parts.setdefault("connect_timeout", 5)
    return PooledPostgresqlDatabase(
        name, max_connections=connections, stale_timeout=3600, timeout=10, options=given, **parts
    )
