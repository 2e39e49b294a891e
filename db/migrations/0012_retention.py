"""What retention needs: how long this database keeps what has ended, and the indexes that find it."""

from peewee import IntegerField, Model

CONCURRENTLY = {
    "execution_ended": 'ON "execution" ("finished_at", "id") WHERE finished_at IS NOT NULL',
    "execution_of_flow": """ON "execution" ("version_id") WHERE substr(workflow, 1, 5) = 'flow:'""",
    "start_key_of_execution": 'ON "start_key" ("execution_id")',
}
DAYS = 30


def table(db):
    class Retention(Model):
        id = IntegerField(primary_key=True)
        days = IntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    return Retention


def up(migrator, db):
    db.create_tables([table(db)], safe=False)
    # A database that holds something has kept all so far, and goes on until somebody says otherwise.
    is_new = not any(db.execute_sql(f"SELECT 1 FROM {one} LIMIT 1").fetchone() for one in ("execution", "workflow"))
    db.execute_sql(f"INSERT INTO retention (id, days) VALUES (1, {DAYS if is_new else 'NULL'})")


def down(migrator, db):
    for name in CONCURRENTLY:
        db.execute_sql(f'DROP INDEX IF EXISTS "{name}"')
    db.drop_tables([table(db)])
