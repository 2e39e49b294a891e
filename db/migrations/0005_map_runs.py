"""Map runs: the executions of a Map in distributed mode, found by the run and the place that each belongs to."""

from peewee import BigIntegerField, Field, IntegerField, Model, TextField


class IdField(Field):
    field_type = "UUID"


def table(db):
    class MapRun(Model):
        id = IdField(primary_key=True)
        execution_id = IdField()
        frame = TextField()
        entry = IntegerField()
        label = TextField()
        version_id = IdField()
        workflow_id = IdField()
        status = TextField()
        plan = TextField()
        total = IntegerField()
        base = IntegerField()
        next = IntegerField()
        offset = BigIntegerField()
        begun = IntegerField()
        open = IntegerField()
        succeeded = IntegerField()
        failed = IntegerField()
        failed_items = IntegerField()
        error = TextField(null=True)
        cause = TextField(null=True)
        created_at = BigIntegerField()
        finished_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    MapRun.add_index(MapRun.index(MapRun.execution_id, MapRun.id, name="map_run_of_execution"))
    return MapRun


def up(migrator, db):
    db.create_tables([table(db)], safe=False)
    db.execute_sql('CREATE INDEX "execution_parent" ON "execution" ("parent") WHERE parent IS NOT NULL')


def down(migrator, db):
    db.execute_sql("DROP INDEX execution_parent")
    db.drop_tables([table(db)])
