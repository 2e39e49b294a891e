"""The migrations make exactly the tables of the models, however often and from wherever they are run."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from peewee import Database
from playhouse.migrations import Runner
from playhouse.schema_diff import diff_models

from stepwell.db import models
from stepwell.db.database import connect, database, is_sqlite
from stepwell.db.migrate import DIRECTORY, main, migrate
from stepwell.runtime.settings import ROOT

NAMES = sorted(path.stem for path in DIRECTORY.glob("[0-9]*.py"))

COLUMNS = {
    True: """
        SELECT m.name, c.name, c.type, c."notnull", c.pk FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table' ORDER BY m.name, c.name
    """,
    False: """
        SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY table_name, column_name
    """,
}
INDEXES = {
    True: "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name",
    False: "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
}


def schema() -> dict[str, list[Any]]:
    """All columns with type and nullability, and all indexes with their predicates, from the database's catalog."""
    with database.connection_context():
        found = {name: database.execute_sql(sql[is_sqlite()]).fetchall() for name, sql in QUERIES}
    return {name: [row for row in rows if "schema_migration" not in row[0]] for name, rows in found.items()}


QUERIES = (("columns", COLUMNS), ("indexes", INDEXES))


def test_the_migrations_make_what_the_models_describe(bound: Database):
    assert migrate() == NAMES
    with database.connection_context():
        assert not diff_models(bound, models.TABLES)
        migrated = schema()
        bound.drop_tables(models.TABLES)
        assert schema()["columns"] == []
        bound.create_tables(models.TABLES, safe=False)
    assert schema() == migrated
    assert len(migrated["columns"]) > 80 and len(migrated["indexes"]) > 10


def test_a_partial_index_keeps_its_predicate(bound: Database):
    migrate()
    wanted = {"execution_name": "name IS NOT NULL", "task_queued": "QUEUED", "task_running": "IN_PROGRESS"}
    found = {name: sql for _, name, sql in schema()["indexes"]}
    for name, predicate in wanted.items():
        assert "WHERE" in found[name] and predicate in found[name]


def test_the_columns_that_may_be_null_are_those_of_the_models(bound: Database):
    migrate()
    found = {(table, column): nullable for table, column, _, nullable, _ in schema()["columns"]}
    for model in models.TABLES:
        for field in model._meta.sorted_fields:
            nullable = found[model._meta.table_name, field.column_name]
            assert nullable == ((0 if field.null else 1) if is_sqlite() else "YES" if field.null else "NO"), field


def test_hot_tables_leave_room_in_their_pages(postgres_url: str):
    connect(postgres_url)
    migrate()
    with database.connection_context():
        filled = database.execute_sql("SELECT relname FROM pg_class WHERE reloptions = '{fillfactor=80}'").fetchall()
    database.close_all()
    assert {name for (name,) in filled} == set(models.HOT)


def test_migrating_twice_changes_nothing(bound: Database):
    migrate()
    before = schema()
    assert migrate() == []
    assert schema() == before


def test_a_migration_that_fails_leaves_nothing_behind(bound: Database, monkeypatch):
    monkeypatch.setattr(Database, "create_tables", refuse)
    with pytest.raises(RuntimeError, match="half way"):
        migrate()
    monkeypatch.undo()
    with database.connection_context():
        assert bound.get_tables() == []
    assert migrate() == NAMES


def refuse(self: Database, tables: tuple[type[models.Table], ...], **options: Any) -> None:
    tables[0].create_table(safe=False)
    raise RuntimeError("half way")


def test_down_takes_all_of_it_back(bound: Database):
    migrate()
    with database.connection_context():
        Runner(bound, str(DIRECTORY)).down(NAMES[0])
        assert bound.get_tables() == ["schema_migration"]


def test_parallel_states_that_run_are_told_their_branches(bound: Database):
    migrate()
    with database.connection_context():
        bound.execute_sql(RUNNING_EXECUTION)
        for path, entry, waiting in RUNNING_FRAMES:
            models.Frame.insert(
                execution_id=EXECUTION, path=path, entry=entry, waiting=waiting, state="S", entered_at=1, data="null"
            ).execute()
        Runner(bound, str(DIRECTORY)).down("0002_scopes")
        Runner(bound, str(DIRECTORY)).up()
        root = models.Execution.get_by_id(EXECUTION)
        found = {one.path: (one.children, one.begun, one.variables) for one in models.Frame.select()}
    assert (root.children, root.begun, root.variables) == (3, 3, "{}")
    children = {"5.1": 2, "5.1/11.0": 1}
    assert found == {path: (children.get(path, 0), children.get(path, 0), "{}") for path, *_ in RUNNING_FRAMES}


EXECUTION = "01911111-1111-7111-8111-111111111111"
RUNNING_EXECUTION = f"""
INSERT INTO execution (id, workflow_id, workflow, version_id, version, status, paused, revision, history_count, state,
  entry, entered_at, waiting, retries, open, data, begun, children, variables, input, created_at)
VALUES ('{EXECUTION}', '{EXECUTION}', 'w', '{EXECUTION}', 1, 'IN_PROGRESS', false, 0, 20, 'S', 5, 1, 'children', '', 2,
  'null', 0, 0, '{{}}', 'null', 1)
"""
RUNNING_FRAMES = (
    ("5.0", 8, "ended"),
    ("5.1", 11, "children"),
    ("5.2", 10, "task"),
    ("5.1/11.0", 14, "children"),
    ("5.1/11.1", 15, "task"),
    ("5.1/11.0/14.0", 17, "timer"),
)


def test_two_processes_at_once_migrate_once(database_url: str):
    command = [sys.executable, "-m", "stepwell.db.migrate"]
    environment = {**os.environ, "DATABASE_URL": database_url}
    both = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    said = sorted(process.communicate()[0].decode() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said == ["".join(f"applied {name}\n" for name in NAMES), "nothing to apply\n"]


def test_without_a_database_url_it_says_so(monkeypatch, capsys):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main() == 2
    assert "DATABASE_URL is not set" in capsys.readouterr().err
