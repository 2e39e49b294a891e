"""``python -m tests.db.releases.write 0.2.0``: stores the current schema and statements as those of a release.

A process of a release may run beside a newer schema, and newer code migrates a release's database. Tests read the files
to try both. A released file never changes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from stepwell.db import postgresql, sqlite
from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from tests.db.releases import calls
from tests.programs import find_postgres
from tests.services import any_postgres, fresh_database

HERE = Path(__file__).parent
STATEMENT = re.compile(r"(?:SELECT|INSERT|UPDATE|DELETE|PREPARE|WITH)\b")
VOLATILE = re.compile(r"^(?:--|\\|SET |SELECT pg_catalog\.set_config).*\n", re.MULTILINE)
"""Lines of pg_dump with its version, its session settings or a random key."""
APPLIED = "INSERT INTO schema_migration (name, applied) VALUES ('{}', '2026-11-24 00:00:00')"


def main(release: str) -> None:
    """Write the six files of a release."""
    folder = HERE / release
    folder.mkdir()
    texts = {
        "schema.sqlite.sql": sqlite_schema(),
        "schema.postgresql.sql": postgresql_schema(),
        "statements.sqlite.sql": named(sqlite_statements()),
        "statements.postgresql.sql": named(sorted(postgresql.PREPARE.items())),
        "calls.sqlite.jsonl": sqlite_calls(),
        "calls.postgresql.jsonl": postgresql_calls(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def named(statements: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> str:
    """Join statements into one text, each below its name. ``tests.db.releases.read`` splits it again."""
    return "\n\n".join(f"-- {name} --\n{sql.strip()}" for name, sql in statements) + "\n"


def sqlite_statements() -> Iterator[tuple[str, str]]:
    """All statements that are constants in SQLite's half of the hot path."""
    for name, value in vars(sqlite).items():
        if name.isupper() and isinstance(value, str) and STATEMENT.match(value.strip()):
            yield name, value


def sqlite_schema() -> str:
    """The schema of a new SQLite file after all migrations, with the list of applied migrations."""
    with tempfile.TemporaryDirectory() as folder:
        connect(f"sqlite:///{folder}/stepwell.db")
        migrate()
        with database.connection_context():
            made = database.execute_sql(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
            )
            return "".join(f"{sql};\n" for (sql,) in made.fetchall()) + _applied()


def postgresql_schema() -> str:
    """The same for PostgreSQL, by pg_dump."""
    with any_postgres() as server, fresh_database(server) as url:
        connect(url)
        migrate()
        with database.connection_context():
            applied = _applied()
        dump = [find_postgres() / "pg_dump", "--schema-only", "--no-owner", "--no-privileges", url]
        text = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
    assert urlsplit(url).password not in text
    return re.sub(r"\n{2,}", "\n", VOLATILE.sub("", text)).strip() + "\n" + applied


def sqlite_calls() -> str:
    """The statements that executions of each kind cause on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        return calls.as_lines(*calls.recorded(f"sqlite:///{folder}/stepwell.db"))


def postgresql_calls() -> str:
    """The same for PostgreSQL."""
    with any_postgres() as server, fresh_database(server) as url:
        return calls.as_lines(*calls.recorded(url))


def _applied() -> str:
    rows = database.execute_sql("SELECT name FROM schema_migration ORDER BY name").fetchall()
    return "".join(f"{APPLIED.format(name)};\n" for (name,) in rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
