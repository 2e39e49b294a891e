"""The workflow of each task: workers take the tasks of all workflows in turn, and find them by this index."""

from peewee import PostgresqlDatabase

CONCURRENTLY = {"task_waiting": """ON "task" ("workflow_id", "queued_at") WHERE status = 'QUEUED'"""}
NONE = "00000000-0000-0000-0000-000000000000"
"""The workflow of the tasks that were there before, and of those that the release before inserts."""


def up(migrator, db):
    kind = "UUID" if isinstance(db, PostgresqlDatabase) else "TEXT"
    db.execute_sql(f"ALTER TABLE \"task\" ADD COLUMN workflow_id {kind} NOT NULL DEFAULT '{NONE}'")


def down(migrator, db):
    for name in CONCURRENTLY:
        db.execute_sql(f'DROP INDEX IF EXISTS "{name}"')
    db.execute_sql('ALTER TABLE "task" DROP COLUMN workflow_id')
