"""The connection, the pool and the transaction, for SQLite and PostgreSQL alike.

One process has one database: :func:`connect` binds it, the models and ``queries`` use it. All work runs inside
``database.connection_context()``, which takes a connection for the thread and gives it back.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2
from peewee import Database, DatabaseProxy, InterfaceError, OperationalError
from playhouse.db_url import parse as parse_url
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase

from stepwell.db.watchdog import WatchedConnection

database = DatabaseProxy()
_writing = threading.RLock()
"""SQLite has one writer at a time. Threads that queue here get their turn; inside SQLite one can starve."""

CONNECTIONS = 40
RESTED_SECONDS = 1.0
PING_SECONDS = 2.0
LOCKED_SECONDS = 10
VANISHED = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A host that has vanished is noticed in seconds; the kernel's own settings would wait for many minutes."""
SESSION = (
    "SET timezone = 'UTC'; SET lock_timeout = '5s'; SET statement_timeout = '10s'; "
    "SET idle_in_transaction_session_timeout = '15s'"
)
"""Sent first on each connection. As options of the connection itself they would not pass through PgBouncer."""
PATIENT_LOCK = "2s"
"""How long a migration waits for a lock on a table. All that comes after it has to wait as long."""


def connect(url: str, *, synchronous: str = "NORMAL", connections: int = CONNECTIONS) -> Database:
    """Bind this process to the database at ``url``; nothing is opened yet. ``synchronous`` is SQLite's."""
    made = _sqlite(url, synchronous) if url.startswith("sqlite") else _postgresql(url, connections)
    database.initialize(made)
    return made


def is_sqlite() -> bool:
    """True if this process is bound to SQLite. Only ``db`` calls it: no other room knows the dialect."""
    return isinstance(database.obj, PooledSqliteDatabase)


@contextmanager
def transaction() -> Iterator[None]:
    """Commit all of the block or nothing of it, at READ COMMITTED; on SQLite as the only writer."""
    if not is_sqlite():
        with database.atomic():
            yield
        return
    # IMMEDIATE takes the write lock at the beginning: a transaction that first reads and then writes could not be
    # repeated when another has written in between.
    with _writing, database.atomic("IMMEDIATE"):
        yield


@contextmanager
def unhurried() -> Iterator[None]:
    """Open a transaction without a time limit for its statements; it waits PATIENT_LOCK for each of its locks."""
    with transaction():
        if is_sqlite():
            yield
            return
        # Both limits go: the server's own, and the watchdog's, which would take a long migration for a frozen server.
        database.execute_sql(f"SET LOCAL lock_timeout = '{PATIENT_LOCK}'; SET LOCAL statement_timeout = 0")
        with database.connection().patient(inf):
            yield


@contextmanager
def unlimited() -> Iterator[None]:
    """Let the statements of the block take, and wait for locks, as long as they need; outside of a transaction."""
    database.execute_sql("SET lock_timeout = 0; SET statement_timeout = 0")
    try:
        with database.connection().patient(inf):
            yield
    finally:
        with suppress(OperationalError, InterfaceError):  # a broken connection has no settings any more
            database.execute_sql(SESSION)


def locked(model: Any, *where: Any, skip_locked: bool = False) -> Any:
    """The one row, locked until the transaction ends; None if there is none.

    ``skip_locked``: also None, at once, while another transaction holds the row.
    """
    return for_update(model.select().where(*where), skip_locked=skip_locked).first()


def for_update(query: Any, *, of: Any = None, skip_locked: bool = False) -> Any:
    """The query, locking the rows that it finds until the transaction ends. SQLite needs no lock: it has one writer.

    ``of`` is the table with the rows to lock, if the query joins several. ``skip_locked`` leaves out the rows that
    another transaction holds.
    """
    return query if is_sqlite() else query.for_update(of=of, skip_locked=skip_locked or None)


class _Pool(PooledPostgresqlDatabase):
    """A pool that tests a connection only if it has rested for RESTED_SECONDS: the test is a round trip.

    Connections are handed out one at a time, so all threads wait for the one that is testing a server which does not
    answer. So a thread's finding holds for the threads behind it: with one broken connection all that rested are
    dropped, and a thread that waited while no connection could be made does not try again.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._given_back: dict[int, float] = {}
        self._broken_at = 0.0
        self._refused_at = 0.0
        # When this thread began to wait for a connection: refusals since then hold for it, too.
        self._wanted = threading.local()

    def connect(self, reuse_if_open: bool = False) -> Any:
        self._wanted.at = time.monotonic()
        return super().connect(reuse_if_open)

    def _connect(self) -> Any:
        # Another thread was refused while this one waited: trying again would cost each waiting thread a time-out, one
        # after the other.
        if self._refused_at > self._wanted.at:
            raise OperationalError("the database could not be reached meanwhile")
        try:
            return super()._connect()
        except psycopg2.OperationalError:
            self._refused_at = time.monotonic()
            raise

    def _close(self, conn: Any, close_conn: bool = False) -> None:
        if conn.closed:
            self._broken_at = time.monotonic()
        else:
            self._given_back[id(conn)] = time.monotonic()
        super()._close(conn, close_conn)

    def _is_closed(self, conn: Any) -> bool:
        given_back = self._given_back.pop(id(conn))
        # Given back before another connection broke: this one has probably broken with it.
        if conn.closed or given_back <= self._broken_at:
            self._close_raw(conn)
            return True
        # Under load every connection is younger than this, so the hot path pays for no test.
        if time.monotonic() - given_back < RESTED_SECONDS:
            return False
        with conn.patient(PING_SECONDS):
            is_closed = bool(super()._is_closed(conn))
        if is_closed:
            self._broken_at = time.monotonic()
        return is_closed


class _Session(WatchedConnection):
    """A connection with our settings. They come after those in the URL: without the time-outs a stuck lock would hold
    workers for ever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.autocommit = True
        with self.cursor() as cursor:
            cursor.execute(SESSION)


class _File(PooledSqliteDatabase):
    """A pool that waits for its turn to switch a new file to WAL, which SQLite's own time-out does not cover.

    A new file is its user's alone, and so are those that SQLite puts beside it.
    """

    def _connect(self) -> Any:
        # SQLite would make it with the umask's mode. One that is there keeps its own; SQLite tells all faults better.
        # O_EXCL: one that is there must not be opened, since closing it would drop the locks of this process's others.
        with suppress(OSError):
            os.close(os.open(self.database, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        return super()._connect()

    def _set_pragmas(self, conn: sqlite3.Connection) -> None:
        deadline = time.monotonic() + LOCKED_SECONDS
        while True:
            try:
                super()._set_pragmas(conn)
                return
            except sqlite3.OperationalError as fault:
                if "locked" not in str(fault) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _sqlite(url: str, synchronous: str) -> PooledSqliteDatabase:
    path = Path(unquote(urlsplit(url).path.removeprefix("/")))
    path.parent.mkdir(parents=True, exist_ok=True)
    # WAL: readers do not wait for the writer, nor the writer for them.
    pragmas = {"journal_mode": "wal", "synchronous": synchronous, "busy_timeout": 10_000, "foreign_keys": 0}
    return _File(str(path), pragmas=pragmas, timeout=LOCKED_SECONDS, max_connections=None, check_same_thread=False)


def _postgresql(url: str, connections: int) -> _Pool:
    parts = parse_url(url, unquote_password=True, unquote_user=True)
    name = parts.pop("database")
    for option, value in VANISHED.items():
        parts.setdefault(option, value)
    return _Pool(
        name,
        max_connections=connections,
        stale_timeout=3600,
        timeout=10,
        connection_factory=_Session,
        **parts,
    )
