"""What a timer or a task knows of its moves that failed: how many, and when the next try is due."""

from peewee import PostgresqlDatabase

CONCURRENTLY = {"timer_again": 'ON "timer" ("again_at") WHERE again_at IS NOT NULL'}
NEVER = (1 << 53) - 1
FAILURES = "failures INTEGER NOT NULL DEFAULT 0"


def up(migrator, db):
    kind = "BIGINT" if isinstance(db, PostgresqlDatabase) else "INTEGER"
    for column in (f"again_at {kind}", FAILURES):
        db.execute_sql(f"ALTER TABLE timer ADD COLUMN {column}")
    db.execute_sql(f"ALTER TABLE task ADD COLUMN {FAILURES}")


def down(migrator, db):
    for name in CONCURRENTLY:
        db.execute_sql(f'DROP INDEX IF EXISTS "{name}"')
    # The release before knows one due time: a timer that is put off must not be lost to it.
    db.execute_sql(f"UPDATE timer SET due_at = COALESCE(again_at, 0) WHERE due_at = {NEVER}")
    for table, column in (("task", "failures"), ("timer", "failures"), ("timer", "again_at")):
        db.execute_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
