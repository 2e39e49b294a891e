"""Executions that a Task state starts and waits for: the task token that the end of each answers."""

IS_NESTED = "status = 'IN_PROGRESS' AND parent IS NOT NULL"


def up(migrator, db):
    db.execute_sql("ALTER TABLE execution ADD COLUMN parent TEXT")
    db.execute_sql(f'CREATE INDEX "execution_nested" ON "execution" ("id") WHERE {IS_NESTED}')


def down(migrator, db):
    db.execute_sql("DROP INDEX execution_nested")
    db.execute_sql("ALTER TABLE execution DROP COLUMN parent")
