"""The defaults that 0002 and 0008 dropped: a process of the release before does not name a column that it lacks."""

from peewee import PostgresqlDatabase

FRAME = {"begun": "0", "children": "0", "variables": "'{}'"}
DEFAULTS = {"execution": FRAME, "frame": FRAME, "map_run": {"redrives": "0", "again": "0", "again_end": "0"}}


def up(migrator, db):
    change(db, "SET DEFAULT {}")


def down(migrator, db):
    change(db, "DROP DEFAULT")


def change(db, action):
    if not isinstance(db, PostgresqlDatabase):  # SQLite has kept them: it cannot take one back
        return
    for table, columns in DEFAULTS.items():
        for column, value in columns.items():
            db.execute_sql(f"ALTER TABLE {table} ALTER COLUMN {column} {action.format(value)}")
