"""Databases that have their tables already, since making those takes longer than most tests do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2

from stepwell.db.database import SESSION, connect, database
from stepwell.db.migrate import migrate
from stepwell.db.models import TABLES
from tests import services


class Emptied:
    """A PostgreSQL database with its tables, to be emptied again and again."""

    def __init__(self, url: str, connection: psycopg2.extensions.connection) -> None:
        self.url = url
        self._connection = connection

    def empty(self) -> None:
        """Leave the tables, and nothing in them. For tables this small a DELETE is much quicker than a TRUNCATE."""
        with self._connection.cursor() as cursor:
            cursor.execute(";".join(f"DELETE FROM {table._meta.table_name}" for table in TABLES))


@contextmanager
def migrated_postgres(server_url: str) -> Iterator[Emptied]:
    """A database of this server's, dropped at the end."""
    with services.fresh_database(server_url) as url:
        _migrate(url)
        with closing(psycopg2.connect(url, options=SESSION)) as connection:
            connection.autocommit = True
            yield Emptied(url, connection)


def put_migrated_sqlite(path: Path) -> str:
    """The URL of a new SQLite database with its tables, in this file."""
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
