"""The first schema. A frozen copy, deliberately independent of ``db/models.py``; a test holds the two equal."""

from peewee import (
    SQL,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    Field,
    FloatField,
    IntegerField,
    Model,
    PostgresqlDatabase,
    TextField,
)


class IdField(Field):
    field_type = "UUID"


def tables(db):
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Workflow(Table):
        id = IdField(primary_key=True)
        name = TextField(unique=True)
        kind = TextField()
        latest = IntegerField()
        first = IntegerField()
        published = IntegerField()
        tags = TextField()
        created_at = BigIntegerField()
        deleted_at = BigIntegerField(null=True)

    class Version(Table):
        id = IdField(primary_key=True)
        workflow_id = IdField()
        number = IntegerField()
        definition = TextField()
        compiled = TextField()
        options = TextField()
        published = IntegerField(null=True)
        published_at = BigIntegerField(null=True)
        description = TextField(null=True)
        created_at = BigIntegerField()

        class Meta:
            indexes = ((("workflow_id", "number"), True),)

    return (Workflow, Version, *wire_tables(Table), *function_tables(Table), *running_tables(Table))


def wire_tables(Table):
    class Alias(Table):
        workflow_id = IdField()
        name = TextField()
        description = TextField(null=True)
        routes = TextField()
        created_at = BigIntegerField()
        updated_at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("workflow_id", "name")

    class Activity(Table):
        name = TextField(primary_key=True)
        options = TextField()
        tags = TextField()
        created_at = BigIntegerField()

    return (Alias, Activity)


def function_tables(Table):
    class StoredFunction(Table):
        name = TextField(primary_key=True)
        published = IntegerField()
        reserved = IntegerField(null=True)
        tags = TextField()
        created_at = BigIntegerField()

    class FunctionVersion(Table):
        name = TextField()
        number = IntegerField()
        options = TextField()
        code = TextField(index=True)
        revision = TextField()
        modified_at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("name", "number")

    class FunctionCode(Table):
        sha256 = TextField(primary_key=True)
        size = IntegerField()
        content = BlobField()

    class FunctionAlias(Table):
        name = TextField()
        alias = TextField()
        version = TextField()
        weights = TextField()
        description = TextField()
        revision = TextField()

        class Meta:
            primary_key = CompositeKey("name", "alias")

    class EventConfig(Table):
        name = TextField()
        qualifier = TextField()
        options = TextField()
        modified_at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("name", "qualifier")

    return (StoredFunction, FunctionVersion, FunctionCode, FunctionAlias, EventConfig)


def running_tables(Table):
    class Execution(Table):
        id = IdField(primary_key=True)
        name = TextField(null=True)
        workflow_id = IdField()
        workflow = TextField()
        version_id = IdField()
        version = IntegerField()
        status = TextField()
        paused = BooleanField()
        revision = IntegerField()
        history_count = IntegerField()
        state = TextField(null=True)
        entry = IntegerField()
        entered_at = BigIntegerField()
        waiting = TextField()
        retries = TextField()
        open = IntegerField()
        data = TextField()
        input = TextField()
        output = TextField(null=True)
        error = TextField(null=True)
        cause = TextField(null=True)
        created_at = BigIntegerField()
        finished_at = BigIntegerField(null=True)
        published = IntegerField(null=True)
        alias = TextField(null=True)
        trace = TextField(null=True)
        redrives = IntegerField(constraints=[SQL("DEFAULT 0")])
        redriven_at = BigIntegerField(null=True)

    named = SQL("name IS NOT NULL")
    Execution.add_index(
        Execution.index(Execution.workflow_id, Execution.name, unique=True, where=named, name="execution_name")
    )
    Execution.add_index(Execution.index(Execution.workflow_id, Execution.id, name="execution_of_workflow"))
    Execution.add_index(Execution.index(Execution.status, Execution.id, name="execution_status"))

    return (Execution, *frame_tables(Table), *task_tables(Table), *ledger_tables(Table))


def frame_tables(Table):
    class Frame(Table):
        execution_id = IdField()
        path = TextField()
        state = TextField()
        entry = IntegerField()
        entered_at = BigIntegerField()
        waiting = TextField()
        retries = TextField()
        open = IntegerField()
        data = TextField()
        output = TextField(null=True)

        class Meta:
            primary_key = CompositeKey("execution_id", "path")

    return (Frame,)


def task_tables(Table):
    class Task(Table):
        id = IdField(primary_key=True)
        execution_id = IdField()
        number = IntegerField()
        frame = TextField()
        entry = IntegerField()
        step = TextField()
        function = TextField()
        status = TextField()
        attempt = IntegerField()
        retries = IntegerField()
        losses = IntegerField()
        owner = TextField(null=True)
        lease_until = BigIntegerField(null=True)
        deadline_at = BigIntegerField(null=True)
        timeout_seconds = FloatField(null=True)
        queued_at = BigIntegerField(null=True)
        missing_since = BigIntegerField(null=True)
        token = TextField(null=True)
        data = TextField()
        input = TextField(null=True)
        result = TextField(null=True)
        error = TextField(null=True)
        cause = TextField(null=True)
        created_at = BigIntegerField()
        started_at = BigIntegerField(null=True)
        finished_at = BigIntegerField(null=True)

        class Meta:
            indexes = ((("execution_id", "number"), True),)

    Task.add_index(Task.index(Task.queued_at, where=SQL("status = 'QUEUED'"), name="task_queued"))
    Task.add_index(Task.index(Task.owner, where=SQL("status = 'IN_PROGRESS'"), name="task_running"))
    overdue = SQL("status = 'IN_PROGRESS' AND deadline_at IS NOT NULL")
    Task.add_index(Task.index(Task.deadline_at, where=overdue, name="task_deadline"))
    Task.add_index(Task.index(Task.id, where=SQL("status = 'FAILED'"), name="task_failed"))
    return (Task, *attempt_tables(Table))


def attempt_tables(Table):
    class Attempt(Table):
        task_id = IdField()
        attempt = IntegerField()
        owner = TextField(null=True)
        outcome = TextField()
        error = TextField(null=True)
        cause = TextField(null=True)
        logs = TextField()
        started_at = BigIntegerField(null=True)
        finished_at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("task_id", "attempt")

    return (Attempt,)


def ledger_tables(Table):
    class Timer(Table):
        execution_id = IdField()
        frame = TextField()
        entry = IntegerField()
        number = IntegerField()
        kind = TextField()
        due_at = BigIntegerField(index=True)

        class Meta:
            primary_key = CompositeKey("execution_id", "frame", "entry", "number", "kind")

    class History(Table):
        execution_id = IdField()
        id = IntegerField()
        type = TextField()
        at = BigIntegerField()
        frame = TextField()
        step = TextField(null=True)
        details = TextField()

        class Meta:
            primary_key = CompositeKey("execution_id", "id")

    class StartKey(Table):
        key = TextField(primary_key=True)
        body_hash = TextField()
        execution_id = IdField()
        created_at = BigIntegerField()

    class Worker(Table):
        owner = TextField(primary_key=True)
        functions = TextField()
        seen_at = BigIntegerField()

    return (Timer, History, StartKey, Worker)


def up(migrator, db):
    db.create_tables(tables(db), safe=False)
    if isinstance(db, PostgresqlDatabase):
        for hot in ("execution", "task", "frame"):
            db.execute_sql(f"ALTER TABLE {hot} SET (fillfactor = 80)")


def down(migrator, db):
    db.drop_tables(tables(db))
