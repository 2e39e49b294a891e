"""The tables, and nothing else. Times are milliseconds since the epoch; JSON is text, kept as it came."""

from __future__ import annotations

from peewee import (
    SQL,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    FloatField,
    IntegerField,
    Node,
    TextField,
)

from stepwell.db import parents
from stepwell.db.columns import IdField, Table
from stepwell.db.function_models import (
    EventConfig,
    FunctionAlias,
    FunctionCode,
    FunctionPermission,
    FunctionVersion,
    RunningInvocation,
    StoredFunction,
)
from stepwell.db.values import NO_WORKFLOW

ZERO: list[Node] = [SQL("DEFAULT 0")]
NOTHING: list[Node] = [SQL("DEFAULT '{}'")]
"""Defaults in the database, of columns that were added later: the code of the release before does not name them."""


class Workflow(Table):
    """A workflow by name. ``deleted_at`` is a tombstone: the versions stay for the executions that use them.

    ``first`` is the number of the first version since the workflow was made, or made again after it was deleted.
    ``published`` counts the versions that have a number on AWS's wire; ``kind`` and ``tags`` are AWS's, too.
    """

    id = IdField(primary_key=True)
    name = TextField(unique=True)
    kind = TextField(default="STANDARD")
    latest = IntegerField()
    first = IntegerField(default=1)
    published = IntegerField(default=0)
    tags = TextField(default="{}")
    created_at = BigIntegerField()
    deleted_at = BigIntegerField(null=True)


class Version(Table):
    """A definition as it was given, and the machine it was compiled to, with the functions' constants frozen in.

    ``options`` holds the options of AWS's wire: role, logging, tracing, encryption. ``published`` is its number there.
    """

    id = IdField(primary_key=True)
    workflow_id = IdField()
    number = IntegerField()
    definition = TextField()
    compiled = TextField()
    options = TextField(default="{}")
    published = IntegerField(null=True)
    published_at = BigIntegerField(null=True)
    description = TextField(null=True)
    created_at = BigIntegerField()
    now: int
    """The database's time, in rows of a query that selects it under this name: no column."""

    class Meta:
        indexes = ((("workflow_id", "number"), True),)


class Alias(Table):
    """A name for one or two published versions of a workflow; ``routes`` are their numbers and weights."""

    workflow_id = IdField()
    name = TextField()
    description = TextField(null=True)
    routes = TextField()
    created_at = BigIntegerField()
    updated_at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("workflow_id", "name")


class Activity(Table):
    """An activity of AWS: a Task state names it, and workers outside poll its tasks with GetActivityTask."""

    name = TextField(primary_key=True)
    options = TextField(default="{}")
    tags = TextField(default="{}")
    created_at = BigIntegerField()


class Execution(Table):
    """One run of a workflow. From ``state`` to ``visits`` the columns are the root frame's.

    ``revision`` grows with each move, with a pause and with a resume. ``published``, ``alias`` and ``trace`` come from
    a start on AWS's wire: the version and the alias in the request, and the trace header. ``parent`` is the one to
    notify of its end, as ``parents`` writes it.
    """

    id = IdField(primary_key=True)
    name = TextField(null=True)
    workflow_id = IdField()
    workflow = TextField()
    version_id = IdField()
    version = IntegerField()
    status = TextField()
    paused = BooleanField(default=False)
    revision = IntegerField(default=0)
    history_count = IntegerField(default=0)
    state = TextField(null=True)
    entry = IntegerField(default=0)
    entered_at = BigIntegerField(default=0)
    waiting = TextField(default="ended")
    retries = TextField(default="")
    open = IntegerField(default=0)
    data = TextField(default="null")
    begun = IntegerField(default=0, constraints=ZERO)
    children = IntegerField(default=0, constraints=ZERO)
    variables = TextField(default="{}", constraints=NOTHING)
    visits = TextField(default="{}", constraints=NOTHING)
    input = TextField()
    output = TextField(null=True)
    error = TextField(null=True)
    cause = TextField(null=True)
    created_at = BigIntegerField()
    finished_at = BigIntegerField(null=True)
    published = IntegerField(null=True)
    alias = TextField(null=True)  # type: ignore[assignment]  # hides a method of Model; it is not called here
    trace = TextField(null=True)
    parent = TextField(null=True)
    redrives = IntegerField(default=0, constraints=ZERO)
    redriven_at = BigIntegerField(null=True)


OF_MAP_RUN = SQL(parents.RUN)
OF_FLOW = "substr(workflow, 1, 5) = 'flow:'"
"""The executions of flows, in SQL. An index has it, to the letter."""
_OWN, _ID = Execution.workflow_id, Execution.id
# Each listing has an index of its filter and the id: a page costs the same at any depth. The partial ones cost other
# executions nothing.
_EXECUTION_INDEXES: tuple[tuple[str, tuple[object, ...], str | None], ...] = (
    ("execution_of_workflow", (_OWN, _ID), None),
    ("execution_of_workflow_status", (_OWN, Execution.status, _ID), None),
    ("execution_of_alias", (_OWN, Execution.alias, _ID), "alias IS NOT NULL"),
    ("execution_of_published", (_OWN, Execution.published, _ID), "published IS NOT NULL"),
    ("execution_redriven", (_OWN, _ID), "redrives > 0"),
    ("execution_status", (Execution.status, _ID), None),
    ("execution_nested", (_ID,), "status = 'IN_PROGRESS' AND parent IS NOT NULL"),
    ("execution_parent", (Execution.parent,), "parent IS NOT NULL"),
    ("execution_of_map_run", (OF_MAP_RUN, _ID), "parent IS NOT NULL"),
    ("execution_ended", (Execution.finished_at, _ID), "finished_at IS NOT NULL"),
    ("execution_of_flow", (Execution.version_id,), OF_FLOW),
)
# Most executions have no name: the index holds only those that do.
_NAMED = {"unique": True, "where": SQL("name IS NOT NULL"), "name": "execution_name"}
Execution.add_index(Execution.index(_OWN, Execution.name, **_NAMED))
for _name, _columns, _where in _EXECUTION_INDEXES:
    Execution.add_index(Execution.index(*_columns, where=_where and SQL(_where), name=_name))


class Frame(Table):
    """A frame besides the root: a branch or an item. Those of an execution that failed stay, for a redrive."""

    execution_id = IdField()
    path = TextField()
    state = TextField()
    entry = IntegerField()
    entered_at = BigIntegerField()
    waiting = TextField()
    retries = TextField(default="")
    open = IntegerField(default=0)
    data = TextField()
    output = TextField(null=True)
    begun = IntegerField(default=0, constraints=ZERO)
    children = IntegerField(default=0, constraints=ZERO)
    variables = TextField(default="{}", constraints=NOTHING)
    visits = TextField(default="{}", constraints=NOTHING)
    item = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("execution_id", "path")


class Task(Table):
    """One unit of work. ``attempt`` is the fencing token: it grows with each claim. ``data`` is the step's own.

    ``workflow_id`` is its execution's, since the workflows that wait are served in turn.

    ``queued_at`` is the time from which it may be handed out, null while its execution is paused. ``missing_since`` is
    when a worker first found that no worker has its function. ``token`` answers it if its handler does not, and
    ``beat_by`` is when the next heartbeat of the token's holder is due. ``visit`` names the visit of the state that
    it is the work of. An activity's task is IN_PROGRESS without an owner from its beginning. ``failures`` counts the
    statements about this try of the task that failed.
    """

    id = IdField(primary_key=True)
    execution_id = IdField()
    workflow_id = IdField(default=NO_WORKFLOW, constraints=[SQL(f"DEFAULT '{NO_WORKFLOW}'")])
    number = IntegerField()
    frame = TextField(default="")
    entry = IntegerField(default=0)
    step = TextField()
    function = TextField()
    status = TextField()
    attempt = IntegerField(default=0)
    retries = IntegerField(default=0)
    losses = IntegerField(default=0)
    failures = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    owner = TextField(null=True)
    lease_until = BigIntegerField(null=True)
    deadline_at = BigIntegerField(null=True)
    timeout_seconds = FloatField(null=True)
    heartbeat_seconds = FloatField(null=True)
    beat_by = BigIntegerField(null=True)
    queued_at = BigIntegerField(null=True)
    missing_since = BigIntegerField(null=True)
    token = TextField(null=True)
    visit = TextField(null=True)
    data = TextField(default="null")
    input = TextField(null=True)
    result = TextField(null=True)
    error = TextField(null=True)
    cause = TextField(null=True)
    created_at = BigIntegerField()
    started_at = BigIntegerField(null=True)
    finished_at = BigIntegerField(null=True)

    class Meta:
        indexes = ((("execution_id", "number"), True),)


# Partial indexes: finished tasks, nearly all of the table, are in none of them, so the sweeps stay cheap.
Task.add_index(Task.index(Task.queued_at, where=SQL("status = 'QUEUED'"), name="task_queued"))
Task.add_index(Task.index(Task.workflow_id, Task.queued_at, where=SQL("status = 'QUEUED'"), name="task_waiting"))
Task.add_index(Task.index(Task.owner, where=SQL("status = 'IN_PROGRESS'"), name="task_running"))
HAS_DEADLINE = SQL("status = 'IN_PROGRESS' AND deadline_at IS NOT NULL")
Task.add_index(Task.index(Task.deadline_at, where=HAS_DEADLINE, name="task_deadline"))
MUST_BEAT = SQL("status = 'IN_PROGRESS' AND beat_by IS NOT NULL")
Task.add_index(Task.index(Task.beat_by, where=MUST_BEAT, name="task_beat"))
IS_POLLED = SQL("status = 'IN_PROGRESS' AND started_at IS NULL")
Task.add_index(Task.index(Task.function, Task.id, where=IS_POLLED, name="task_polled"))
Task.add_index(Task.index(Task.id, where=SQL("status = 'FAILED'"), name="task_failed"))


class Attempt(Table):
    """A claim of a task that has ended. ``logs`` is its handler's output."""

    task_id = IdField()
    attempt = IntegerField()
    owner = TextField(null=True)
    outcome = TextField()
    error = TextField(null=True)
    cause = TextField(null=True)
    logs = TextField(default="")
    started_at = BigIntegerField(null=True)
    finished_at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("task_id", "attempt")


class MapRun(Table):
    """A Map Run: the executions of a Map in distributed mode.

    ``next`` is the first item that no execution has yet, and ``offset`` is where it begins in its file. ``begun``
    executions have begun, the first in the place ``base``; ``open`` of them have not ended.

    In a redrive the executions that ended without success go on, too: those in the places from ``again`` to before
    ``again_end`` wait for their turn.

    ``total`` items are counted so far; ``unread`` is where the uncounted ones begin, null once all are counted. The
    results of ``written`` executions are in files: ``sizes`` are their names and bytes by kind. ``changes`` are the
    changes made to the plan since the run began.
    """

    id = IdField(primary_key=True)
    execution_id = IdField()
    frame = TextField()
    entry = IntegerField()
    label = TextField()
    version_id = IdField()
    workflow_id = IdField()
    status = TextField(default="RUNNING")
    plan = TextField()
    total = IntegerField()
    base = IntegerField()
    next = IntegerField(default=0)
    offset = BigIntegerField(default=0)
    begun = IntegerField(default=0)
    open = IntegerField(default=0)
    succeeded = IntegerField(default=0)
    failed = IntegerField(default=0)
    failed_items = IntegerField(default=0)
    unread = BigIntegerField(null=True)
    written = IntegerField(default=0, constraints=ZERO)
    sizes = TextField(default="{}", constraints=NOTHING)
    changes = TextField(default="{}", constraints=NOTHING)
    error = TextField(null=True)
    cause = TextField(null=True)
    created_at = BigIntegerField()
    finished_at = BigIntegerField(null=True)
    redrives = IntegerField(default=0, constraints=ZERO)
    redriven_at = BigIntegerField(null=True)
    again = IntegerField(default=0, constraints=ZERO)
    again_end = IntegerField(default=0, constraints=ZERO)


MapRun.add_index(MapRun.index(MapRun.execution_id, MapRun.id, name="map_run_of_execution"))


class Timer(Table):
    """A due time: a retry's delay, a wait, an execution's own time-out, a wake-up. It goes when it has fired.

    A timer that is put off is due at ``again_at`` instead, and its ``due_at`` is ``NEVER``; ``failures`` counts its
    tries.
    """

    execution_id = IdField()
    frame = TextField()
    entry = IntegerField()
    number = IntegerField()
    kind = TextField()
    due_at = BigIntegerField(index=True)
    again_at = BigIntegerField(null=True)
    failures = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])

    class Meta:
        primary_key = CompositeKey("execution_id", "frame", "entry", "number", "kind")


NEVER = (1 << 53) - 1
"""The due time of a timer that is put off: a look for due timers does not meet it."""
# Partial: a timer that fires the first time, as nearly all do, is not in it.
Timer.add_index(Timer.index(Timer.again_at, where=SQL("again_at IS NOT NULL"), name="timer_again"))


class History(Table):
    """The history of an execution, append-only: its lines are numbered from 1 without a gap."""

    execution_id = IdField()
    id = IntegerField()
    type = TextField()
    at = BigIntegerField()
    frame = TextField(default="")
    step = TextField(null=True)
    details = TextField(default="{}")

    class Meta:
        primary_key = CompositeKey("execution_id", "id")


class StartKey(Table):
    """An Idempotency-Key, kept as long as its execution, with the hash of the request that it came with."""

    key = TextField(primary_key=True)
    body_hash = TextField()
    execution_id = IdField()
    created_at = BigIntegerField()


StartKey.add_index(StartKey.index(StartKey.execution_id, name="start_key_of_execution"))


class Retention(Table):
    """How many days this database keeps ended executions where no setting says so; null keeps all. It has one row."""

    id = IntegerField(primary_key=True)
    days = IntegerField(null=True)


class Worker(Table):
    """A worker process that was alive at ``seen_at``, and the functions that it has."""

    owner = TextField(primary_key=True)
    functions = TextField()
    seen_at = BigIntegerField()


TABLES = (
    *(Workflow, Version, Alias, Activity),
    *(StoredFunction, FunctionVersion, FunctionCode, FunctionAlias, EventConfig),
    *(FunctionPermission, RunningInvocation),
    *(Execution, Frame, Task, Attempt, MapRun, Timer, History, StartKey, Retention, Worker),
)
HOT = ("execution", "task", "frame")
"""Tables with rows that change often. PostgreSQL leaves space in their pages: an update then touches no index."""
