"""How far a map run has come that reads its items and writes its results in pieces, and what was changed of it."""

from peewee import PostgresqlDatabase

OBJECT = "TEXT NOT NULL DEFAULT '{}'"
ADDED = {"written": "INTEGER NOT NULL DEFAULT 0", "sizes": OBJECT, "changes": OBJECT}


def up(migrator, db):
    kind = "BIGINT" if isinstance(db, PostgresqlDatabase) else "INTEGER"
    for name, what in {"unread": kind, **ADDED}.items():
        db.execute_sql(f"ALTER TABLE map_run ADD COLUMN {name} {what}")


def down(migrator, db):
    for name in ("unread", *ADDED):
        db.execute_sql(f"ALTER TABLE map_run DROP COLUMN {name}")
