"""``python -m stepwell.db.migrate`` brings the database at DATABASE_URL to the newest schema.

It is safe to repeat, to run in several processes at once, and to end at any point: the next run goes on. Processes of
the release before work on meanwhile.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from peewee import InterfaceError, OperationalError
from playhouse.migrations import Runner

from stepwell.db.database import connect, database, is_sqlite, unhurried, unlimited
from stepwell.db.models import TABLES
from stepwell.db.pooler import SharedSession, refuse_shared_sessions

log = logging.getLogger("stepwell.migrate")

DIRECTORY = Path(__file__).parent / "migrations"
LOCK = 5_737_096  # any number that is ours alone
LOCK_LOOK_SECONDS = 0.1
TRIES, TRY_PAUSE_SECONDS = 30, 3.0
"""How often all is tried while others hold locks on the tables, and the pauses in which those who wait get on."""
LOCKED_CODES = ("55P03", "40P01")
"""A lock was not to be had in time; a deadlock."""
_LEFT_OVER = re.compile(r"_cc(new|old)\d*$")
"""The end of the name of an index that a REINDEX CONCURRENTLY has left behind."""
FOUND = """
SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = current_schema() AND t.relname = ANY(%s) ORDER BY c.relname
"""


def migrate() -> list[str]:
    """Apply every pending migration, all of them or none, then build the indexes that are missing or INVALID.

    Returns the names of the migrations that were applied. One process at a time.

    Raises OperationalError if other sessions keep locks on the tables; nothing is changed then.
    """
    with database.connection_context(), nullcontext() if is_sqlite() else _alone():
        applied = _applied()
        if not is_sqlite():
            with unlimited():
                _build(_concurrent())
    return applied


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of migrations. It ends with the session."""
    # Not one statement that waits: while it waits it keeps a snapshot, and CREATE INDEX CONCURRENTLY would wait for it.
    while not database.execute_sql("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()[0]:
        time.sleep(LOCK_LOOK_SECONDS)
    try:
        yield
    finally:
        with suppress(OperationalError, InterfaceError):  # a broken connection has no lock any more
            database.execute_sql("SELECT pg_advisory_unlock(%s)", (LOCK,))


def _applied() -> list[str]:
    """Apply what is pending, in one transaction, and return its names.

    It gives up a lock that it does not get soon, since all later statements on the table would wait behind it. After a
    pause it tries again.
    """
    for _ in range(TRIES - 1):
        try:
            return _applied_at_once()
        except OperationalError as fault:
            if getattr(fault.__cause__ or fault.__context__, "pgcode", None) not in LOCKED_CODES:
                raise
            log.warning("another session has locked a table: trying again in %g s", TRY_PAUSE_SECONDS)
            time.sleep(TRY_PAUSE_SECONDS)
    return _applied_at_once()


def _applied_at_once() -> list[str]:
    with unhurried():
        done: list[str] = Runner(database.obj, str(DIRECTORY)).up()
        if is_sqlite():
            _build(_concurrent())
    return done


def _concurrent() -> dict[str, str]:
    """The indexes that migrations want built beside the work of others: what follows CREATE INDEX, by name.

    A migration declares them in ``CONCURRENTLY``.
    """
    modules: list[Any] = [one.load() for one in Runner(database.obj, str(DIRECTORY)).migrations()]
    return {name: what for one in modules for name, what in getattr(one, "CONCURRENTLY", {}).items()}


def _build(declared: Mapping[str, str]) -> None:
    """Build the missing ones of these indexes, and rebuild every INVALID one of our tables: no query uses such a one.

    ``declared`` maps a name to what follows it in CREATE INDEX. On PostgreSQL no transaction may be open; others read
    and write the tables meanwhile. A build that is interrupted leaves an INVALID index; the next call rebuilds it.
    """
    if is_sqlite():
        for name, what in declared.items():
            database.execute_sql(f'CREATE INDEX IF NOT EXISTS "{name}" {what}')
        return
    names = [model._meta.table_name for model in TABLES]
    found: dict[str, bool] = dict(database.execute_sql(FOUND, (names,)).fetchall())
    for name in [name for name, is_valid in found.items() if not is_valid]:
        action = "DROP" if _LEFT_OVER.search(name) else "REINDEX"
        log.warning("the index %s is INVALID: %s", name, action)
        database.execute_sql(f'{action} INDEX CONCURRENTLY "{name}"')
    for name, what in declared.items():
        if name not in found:
            database.execute_sql(f'CREATE INDEX CONCURRENTLY "{name}" {what}')


def main() -> int:
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.stderr.write(
            "DATABASE_URL is not set, for example postgresql://postgres:postgres@localhost:5432/stepwell\n"
        )
        return 2
    try:
        refuse_shared_sessions(url)
    except SharedSession as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    connect(url)
    applied = migrate()
    sys.stdout.write("\n".join(f"applied {name}" for name in applied) + "\n" if applied else "nothing to apply\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
