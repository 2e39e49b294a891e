"""Finds out whether a connection pooler between us and PostgreSQL keeps a session for each of its clients.

Stepwell needs sessions: its time limits are settings of the session, its hot statements are prepared in it, and a
migration's lock belongs to it. PgBouncer's session mode keeps them. Its transaction mode gives each transaction any
session that is free: statements then fail, or wait without a limit, as soon as there is load.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

import psycopg2

OTHERS = 6
CONNECT_SECONDS = 5
REFUSED = (
    "DATABASE_URL: the connection pooler at {address} gives each transaction another session of PostgreSQL, "
    "and Stepwell needs its own (time limits, prepared statements, locks). Set pool_mode=session in PgBouncer, "
    "or connect to PostgreSQL itself."
)


class SharedSession(RuntimeError):
    """A pooler does not keep our session. The message says what to change."""

    def __init__(self, address: str) -> None:
        super().__init__(REFUSED.format(address=address))


def refuse_shared_sessions(url: str) -> None:
    """Raise SharedSession if transactions of one connection reach several sessions of PostgreSQL.

    Nothing is raised for SQLite, nor while the database cannot be reached: then the first prepared statement that a
    session lacks raises it.
    """
    if url.startswith("sqlite"):
        return
    try:
        with closing(_connect(url)) as one:
            # A pooler cannot know which session it will use when it greets its client: it makes the number up.
            if _backend(one) != one.info.backend_pid and _is_shared(one, lambda: _connect(url)):
                raise SharedSession(address_of(one))
    except psycopg2.Error:
        return


def address_of(connection: Any) -> str:
    """Host and port of a connection, for messages."""
    return f"{connection.info.host}:{connection.info.port}"


def _is_shared(one: Any, connect: Callable[[], Any]) -> bool:
    """Whether a connection that has been used reaches another session, or another connection reaches its session.

    All stay open: in session mode each has one of its own. The others' transactions stay open as well, and so keep the
    sessions that are free, one each. So even under load one of them gets ours, or we get another one.
    """
    own = _backend(one)
    with ExitStack() as stack:
        others = [stack.enter_context(closing(connect())) for _ in range(OTHERS)]
        for other in others:
            # Directly one after the other: the session that was given back last is handed out first.
            if _backend(one) != own or not _begins(other, one) or _backend(other) == own:
                return True
    return False


def _begins(other: Any, one: Any) -> bool:
    """Begin a transaction. False if the pooler refuses to, as in its statement mode: others go on as before."""
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
        return True
    except psycopg2.Error:
        _backend(one)
        return False


def _connect(url: str) -> Any:
    # libpq itself reads the URL; ours may begin with postgres:// or postgresql://, which it knows.
    made = psycopg2.connect(url, connect_timeout=CONNECT_SECONDS)
    made.autocommit = True
    return made


def _backend(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
