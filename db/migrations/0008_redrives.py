"""What listings by status, alias and version need, and what a map run that is redriven knows of itself."""

from peewee import PostgresqlDatabase

INDEXES = {
    "execution_of_workflow_status": '("workflow_id", "status", "id")',
    "execution_of_alias": '("workflow_id", "alias", "id") WHERE alias IS NOT NULL',
    "execution_of_published": '("workflow_id", "published", "id") WHERE published IS NOT NULL',
    "execution_redriven": '("workflow_id", "id") WHERE redrives > 0',
    "execution_of_map_run": '(substr(parent, 1, 40), "id") WHERE parent IS NOT NULL',
}
NUMBERS = ("redrives", "again", "again_end")


def up(migrator, db):
    is_postgres = isinstance(db, PostgresqlDatabase)
    for column in NUMBERS:
        db.execute_sql(f"ALTER TABLE map_run ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
        if is_postgres:  # the models give the values; SQLite cannot take a default back
            db.execute_sql(f"ALTER TABLE map_run ALTER COLUMN {column} DROP DEFAULT")
    db.execute_sql(f"ALTER TABLE map_run ADD COLUMN redriven_at {'BIGINT' if is_postgres else 'INTEGER'}")
    for name, what in INDEXES.items():
        db.execute_sql(f'CREATE INDEX "{name}" ON "execution" {what}')


def down(migrator, db):
    for name in INDEXES:
        db.execute_sql(f"DROP INDEX {name}")
    for column in (*NUMBERS, "redriven_at"):
        db.execute_sql(f"ALTER TABLE map_run DROP COLUMN {column}")
