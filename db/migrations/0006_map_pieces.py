"""Map runs read their items and write their results in pieces: how far they have come."""

from peewee import PostgresqlDatabase

ADDED = {"written": "INTEGER NOT NULL DEFAULT 0", "sizes": "TEXT NOT NULL DEFAULT '{}'"}


def up(migrator, db):
    kind = "BIGINT" if isinstance(db, PostgresqlDatabase) else "INTEGER"
    for name, what in {"unread": kind, **ADDED}.items():
        db.execute_sql(f"ALTER TABLE map_run ADD COLUMN {name} {what}")


def down(migrator, db):
    for name in ("unread", *ADDED):
        db.execute_sql(f"ALTER TABLE map_run DROP COLUMN {name}")
