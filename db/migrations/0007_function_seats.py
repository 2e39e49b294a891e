"""The invocations that run of functions with a reserved concurrency."""

from peewee import BigIntegerField, Field, Model, TextField


class IdField(Field):
    field_type = "UUID"


def table(db):
    class FunctionSeat(Model):
        id = IdField(primary_key=True)
        name = TextField(index=True)
        lease_until = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False

    return FunctionSeat


def up(migrator, db):
    db.create_tables([table(db)], safe=False)


def down(migrator, db):
    db.drop_tables([table(db)])
