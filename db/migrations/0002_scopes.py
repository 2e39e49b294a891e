"""What Map and Assign need: how many children of a frame there are and have begun, its variables, a Map's item."""

from peewee import PostgresqlDatabase

NUMBER, VARIABLES = "INTEGER NOT NULL DEFAULT 0", "TEXT NOT NULL DEFAULT '{}'"
ADDED = {"begun": NUMBER, "children": NUMBER, "variables": VARIABLES}

# The branches of a Parallel that runs have all begun; those inside them are not its own.
COUNT = """
UPDATE {table} SET children = (
  SELECT count(*) FROM frame c WHERE c.execution_id = {table}.{id} AND substr(c.path, 1, length({prefix})) = {prefix}
    AND length(replace(c.path, '/', '')) = length(c.path) - {depth}) WHERE waiting = 'children'
"""
RUNNING = (
    COUNT.format(table="execution", id="id", prefix="(execution.entry || '.')", depth="0"),
    COUNT.format(
        table="frame",
        id="execution_id",
        prefix="(frame.path || '/' || frame.entry || '.')",
        depth="(length(frame.path) - length(replace(frame.path, '/', '')) + 1)",
    ),
    "UPDATE execution SET begun = children WHERE waiting = 'children'",
    "UPDATE frame SET begun = children WHERE waiting = 'children'",
)


def up(migrator, db):
    for table in ("execution", "frame"):
        for column, kind in ADDED.items():
            db.execute_sql(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            if isinstance(db, PostgresqlDatabase):  # the models give the values; SQLite cannot take a default back
                db.execute_sql(f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT")
    db.execute_sql("ALTER TABLE frame ADD COLUMN item TEXT")
    for statement in RUNNING:
        db.execute_sql(statement)


def down(migrator, db):
    for table in ("execution", "frame"):
        for column in ADDED:
            db.execute_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
    db.execute_sql("ALTER TABLE frame DROP COLUMN item")
