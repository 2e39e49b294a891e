"""Databases with their tables ready: making the tables takes longer than most tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn
from unittest.mock import patch

import psycopg2
from peewee import Database

from stepwell.db.database import SESSION, connect, database
from stepwell.db.migrate import migrate
from stepwell.db.models import TABLES
from tests import services

NAMES = [table._meta.table_name for table in TABLES]
KNOWN = """
    SELECT relname FROM pg_class
    WHERE relname = ANY(%s) AND relkind = 'r' AND (reltuples >= 0 OR pg_relation_size(oid) > 10 * 8192)
"""
"""Finds tables that were vacuumed or analyzed, or are larger than PostgreSQL's default guess for an unknown table."""


class Emptied:
    """A PostgreSQL database with its tables. It can be emptied again and again."""

    def __init__(self, url: str, connection: psycopg2.extensions.connection) -> None:
        self.url = url
        self._connection = connection

    def empty(self) -> None:
        """Remove all rows, and the planner's statistics about them; the tables stay.

        For a small table a DELETE is a hundred times as quick as a TRUNCATE, but it leaves the statistics.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(KNOWN, (NAMES,))
            known = [name for (name,) in cursor.fetchall()]
            deleted = [f"DELETE FROM {name}" for name in NAMES if name not in known]
            cursor.execute(";".join([*deleted, *(f"TRUNCATE {name}" for name in known)]))


@contextmanager
def migrated_postgres(server_url: str) -> Iterator[Emptied]:
    """A database on this server, with its tables; it is dropped at the end."""
    with services.fresh_database(server_url) as url:
        _migrate(url)
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(SESSION)
            yield Emptied(url, connection)


class RowsTouched(Exception):
    """A test that is marked ``no_rows`` sent a statement."""


@contextmanager
def no_statements() -> Iterator[None]:
    """Inside, every SQL statement raises RowsTouched; so does the end if the statement's caller hid it."""
    sent: list[str] = []

    def refuse(self: Database, sql: str, *_arguments: object) -> NoReturn:
        sent.append(sql)
        raise RowsTouched(sql)

    with patch.object(Database, "execute_sql", refuse):
        yield
    if sent:
        raise RowsTouched(sent[0])


def put_migrated_sqlite(path: Path) -> str:
    """Write a new SQLite database with its tables into this file. Returns its URL."""
    path.write_bytes(_sqlite_file())
    return f"sqlite:///{path}"


@cache
def _sqlite_file() -> bytes:
    with TemporaryDirectory() as place:
        path = Path(place) / "template.db"
        _migrate(f"sqlite:///{path}")
        return path.read_bytes()


def _migrate(url: str) -> None:
    connect(url)
    migrate()
    database.close_all()
