"""How often a frame has entered its states, and the visit of a task: idempotency keys are made of them."""

VISITS = "TEXT NOT NULL DEFAULT '{}'"
TABLES = ("execution", "frame")


def up(migrator, db):
    for table in TABLES:
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN visits {VISITS}')
    db.execute_sql('ALTER TABLE "task" ADD COLUMN visit TEXT')


def down(migrator, db):
    for table in TABLES:
        db.execute_sql(f'ALTER TABLE "{table}" DROP COLUMN visits')
    db.execute_sql('ALTER TABLE "task" DROP COLUMN visit')
