"""``python -m stepwell.db.migrate`` brings the database at DATABASE_URL to the newest schema.

It is safe to repeat, and to run in several processes at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from playhouse.migrations import Runner

from stepwell.db.database import connect, database, is_sqlite, unhurried

DIRECTORY = Path(__file__).parent / "migrations"
LOCK = 5_737_096  # any number that is ours alone


def migrate() -> list[str]:
    """Apply every pending migration, all of them or none, and return their names. One process at a time."""
    with database.connection_context(), unhurried():
        if not is_sqlite():
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        applied: list[str] = Runner(database.obj, str(DIRECTORY)).up()
        return applied


def main() -> int:
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.stderr.write(
            "DATABASE_URL is not set, for example postgresql://postgres:postgres@localhost:5432/stepwell\n"
        )
        return 2
    connect(url)
    applied = migrate()
    sys.stdout.write("\n".join(f"applied {name}" for name in applied) + "\n" if applied else "nothing to apply\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
