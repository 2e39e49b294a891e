"""The workflow of each task: workers take the tasks of all workflows in turn, and find them by this index."""

NONE = "00000000-0000-0000-0000-000000000000"
"""The workflow of the tasks that were there before, and of those that the release before inserts."""
INDEX = """ON "task" ("workflow_id", "queued_at") WHERE status = 'QUEUED'"""


def up(migrator, db):
    db.execute_sql(f"ALTER TABLE \"task\" ADD COLUMN workflow_id UUID NOT NULL DEFAULT '{NONE}'")
    db.execute_sql(f'CREATE INDEX "task_waiting" {INDEX}')


def down(migrator, db):
    db.execute_sql("DROP INDEX task_waiting")
    db.execute_sql('ALTER TABLE "task" DROP COLUMN workflow_id')
