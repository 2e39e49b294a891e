"""Migrations bring a database of any release up to date, and a release's statements run on its own schema."""

from __future__ import annotations

import re
from typing import Any

import pytest
from peewee import Database

from stepwell.db.database import database, is_sqlite
from stepwell.db.migrate import migrate
from tests.db.releases import read
from tests.db.releases.calls import STATUSES
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


def test_the_statements_of_a_release_run_on_the_newest_schema(release: str) -> None:
    """A process of the release goes on while others are replaced: its executions end as they did on its own schema."""
    migrate()
    calls, ended = read.calls(release, dialect())
    hot = read.statements(release, dialect())
    with database.connection_context():
        for sql, values in calls:
            send(hot, sql, values)
        found = database.execute_sql(STATUSES).fetchall()
    assert [[str(one), status, lines] for one, status, lines in found] == ended
    assert len(ended) > 5


def send(hot: dict[str, str], sql: str, values: list[Any]) -> None:
    if sql not in hot:
        database.execute_sql(sql, values)
        return
    cursor = database.cursor()
    if sql not in cursor.connection.prepared:
        cursor.execute(hot[sql])
        cursor.connection.prepared.add(sql)
    cursor.execute(f"EXECUTE {sql}({', '.join(['%s'] * len(values))})", values)


def test_no_column_is_wanted_that_a_release_does_not_know(release: str) -> None:
    """What a statement of the release does not name, or names as it was, the newest schema still takes."""
    before = {row[:2]: row[2:] for row in schema()["columns"]}
    migrate()
    after = {row[:2]: row[2:] for row in schema()["columns"]}
    assert before.keys() <= after.keys()
    with database.connection_context():
        needed = {tuple(row) for row in database.execute_sql(NEEDED[is_sqlite()]).fetchall()}
    tables = {table for table, _ in before}
    assert {one for one in needed - before.keys() if one[0] in tables} == set()


NEEDED = {
    True: """
        SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table' AND c."notnull" AND c.dflt_value IS NULL
    """,
    False: """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND is_nullable = 'NO' AND column_default IS NULL
    """,
}
"""The columns that every INSERT has to name."""


def test_a_column_that_was_added_to_a_table_has_a_default(bound: Database) -> None:
    """The columns that a first version of a table lacked, of all migrations: those before 0.1.0 kept none."""
    migrate()
    with database.connection_context():
        needed = {tuple(row) for row in database.execute_sql(NEEDED[is_sqlite()]).fetchall()}
    assert needed.isdisjoint({*ADDED})
    assert {*ADDED} <= {(table, column) for table, column, *_ in schema()["columns"]}


OF_A_FRAME = ("begun", "children", "variables")
ADDED = [
    *((table, column) for table in ("execution", "frame") for column in OF_A_FRAME),
    *(("map_run", column) for column in ("redrives", "again", "again_end", "written", "sizes", "changes")),
]


def nulls(sql: str) -> list[None]:
    """A NULL for each placeholder of an SQLite statement."""
    numbered = [int(number) for number in re.findall(r"\?(\d+)", sql)]
    return [None] * (max(numbered) if numbered else sql.count("?"))
