"""What task tokens and activities need: for how long who holds one may be silent, and which tasks may be asked for."""

from peewee import PostgresqlDatabase

INDEXES = {
    "task_beat": """("beat_by") WHERE status = 'IN_PROGRESS' AND beat_by IS NOT NULL""",
    "task_polled": """("function", "id") WHERE status = 'IN_PROGRESS' AND started_at IS NULL""",
}


def up(migrator, db):
    db.execute_sql("ALTER TABLE task ADD COLUMN heartbeat_seconds REAL")
    kind = "BIGINT" if isinstance(db, PostgresqlDatabase) else "INTEGER"
    db.execute_sql(f"ALTER TABLE task ADD COLUMN beat_by {kind}")
    for name, what in INDEXES.items():
        db.execute_sql(f'CREATE INDEX "{name}" ON "task" {what}')


def down(migrator, db):
    for name in INDEXES:
        db.execute_sql(f"DROP INDEX {name}")
    db.execute_sql("ALTER TABLE task DROP COLUMN heartbeat_seconds")
    db.execute_sql("ALTER TABLE task DROP COLUMN beat_by")
