"""The statements of functions' resource policies."""

from peewee import BigIntegerField, CompositeKey, Model, TextField


def table(db):
    class FunctionPermission(Model):
        name = TextField()
        qualifier = TextField()
        sid = TextField()
        statement = TextField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            primary_key = CompositeKey("name", "qualifier", "sid")

    return FunctionPermission


def up(migrator, db):
    db.create_tables([table(db)], safe=False)


def down(migrator, db):
    db.drop_tables([table(db)])
