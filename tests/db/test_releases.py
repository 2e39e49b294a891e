"""Migrations bring a database of any release up to date, and a release's statements run on its own schema."""

from __future__ import annotations

import re

import pytest
from peewee import Database

from stepwell.db.database import database, is_sqlite
from stepwell.db.migrate import migrate
from tests.db.releases import read
from tests.db.test_migrate import NAMES, schema


def dialect() -> str:
    return "sqlite" if is_sqlite() else "postgresql"


def made(release: str) -> None:
    """Create the schema of a release in the empty database."""
    text = read.schema(release, dialect())
    with database.connection_context():
        connection = database.connection()
        if is_sqlite():
            connection.executescript(text)
        else:
            connection.cursor().execute(text)
            connection.commit()


@pytest.fixture(params=read.RELEASES)
def release(request: pytest.FixtureRequest, bound: Database) -> str:
    made(request.param)
    return str(request.param)


def test_a_database_of_a_release_is_migrated_to_the_schema_of_a_new_one(release: str) -> None:
    migrate()
    migrated = schema()
    with database.connection_context():
        if is_sqlite():
            for (name,) in database.execute_sql("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                if not name.startswith("sqlite_"):
                    database.execute_sql(f'DROP TABLE "{name}"')
        else:
            database.execute_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    assert migrate() == NAMES
    assert schema() == migrated


def test_the_statements_of_a_release_run_on_its_schema(release: str) -> None:
    statements = read.statements(release, dialect())
    assert statements
    with database.connection_context():
        for sql in statements.values():
            if is_sqlite():
                sql = sql.replace("VALUES {}", "VALUES (NULL, NULL)").replace("{}", "NULL")
                database.execute_sql(f"EXPLAIN {sql}", nulls(sql))
            else:
                database.execute_sql(sql)


def nulls(sql: str) -> list[None]:
    """A NULL for each placeholder of an SQLite statement."""
    numbered = [int(number) for number in re.findall(r"\?(\d+)", sql)]
    return [None] * (max(numbered) if numbered else sql.count("?"))
