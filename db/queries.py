"""The hot statements, each named and described; the only file that knows which dialect it speaks.

On PostgreSQL a move of an execution is ONE prepared statement and one commit; on SQLite, which has no data-modifying
CTEs, one short transaction. Every move is guarded in the statement itself, and its row count decides.
Locks are taken in one order everywhere: execution, frames, tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from peewee import SQL
from peewee import __exception_wrapper__ as wrapped_errors

from stepwell.db import postgresql, sqlite
from stepwell.db.database import database, is_sqlite, transaction
from stepwell.db.values import CLAIMED

IN_MAP_RUN, PLACE = "substr(parent, 1, 40)", "CAST(substr(parent, 42) AS INTEGER)"
"""Of an execution that belongs to a map run: ``run:<its id>``, and which one of its executions it is."""


@dataclass(frozen=True)
class Line:
    """A line of history as it is stored."""

    type: str
    frame: str
    step: str | None
    details: str


@dataclass(frozen=True)
class Root:
    """The root frame, as it stands in the execution's row."""

    state: str
    entry: int
    entered_at: int
    waiting: str
    retries: str
    open: int
    data: str
    begun: int
    children: int
    variables: str


@dataclass(frozen=True)
class NewExecution:
    """An execution's own columns at its start. ``key`` is its Idempotency-Key, ``body_hash`` what was asked with it."""

    id: str
    name: str | None
    workflow_id: str
    workflow: str
    version_id: str
    version: int
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    key: str | None
    body_hash: str
    created_at: int
    published: int | None = None
    alias: str | None = None
    trace: str | None = None
    parent: str | None = None


@dataclass(frozen=True)
class NewTask:
    """A task at its start. One that only its plan knows has no input yet."""

    id: str
    number: int
    step: str
    function: str
    status: str
    data: str
    frame: str = ""
    entry: int = 0
    input: str | None = None
    timeout_seconds: float | None = None
    token: str | None = None
    heartbeat_seconds: float | None = None


@dataclass(frozen=True)
class NewFrame:
    path: str
    state: str
    entry: int
    entered_at: int
    waiting: str
    retries: str
    open: int
    data: str
    output: str | None
    begun: int
    children: int
    variables: str
    item: str | None


@dataclass(frozen=True)
class NewTimer:
    frame: str
    entry: int
    number: int
    kind: str
    delay_ms: int


@dataclass(frozen=True)
class Start:
    """All that a start writes."""

    execution: NewExecution
    root: Root
    tasks: Sequence[NewTask]
    frames: Sequence[NewFrame]
    timers: Sequence[NewTimer]
    lines: Sequence[Line]


@dataclass(frozen=True)
class Claimed:
    """A task that is ours now, and its execution as it stood in that moment. ``now`` is the database's time."""

    id: str
    execution_id: str
    number: int
    frame: str
    entry: int
    step: str
    function: str
    attempt: int
    owner: str
    retries: int
    losses: int
    timeout_seconds: float | None
    token: str | None
    input: str
    name: str | None
    workflow: str
    version_id: str
    revision: int
    history_count: int
    execution_input: str
    created_at: int
    parent: str | None
    redrives: int
    redriven_at: int | None
    root: Root
    now: int


@dataclass(frozen=True)
class NextTask:
    """The task that follows. ``is_new``: its row does not exist yet. ``claim``: take it at once, else queue it."""

    id: str
    number: int
    entry: int
    step: str
    function: str
    input: str
    timeout_seconds: float | None
    is_new: bool
    claim: bool


@dataclass(frozen=True)
class RunTold:
    """The map run that is told of an execution's end, if it still runs: by such a timer, due at once."""

    id: str
    number: int
    kind: str


@dataclass(frozen=True)
class Finish:
    """A task's success together with what follows from it, when the execution is nothing but its root frame."""

    execution_id: str
    revision: int
    history_count: int
    task_id: str
    attempt: int
    owner: str
    result: str
    logs: str
    root: Root
    status: str
    output: str | None
    lines: Sequence[Line]
    next: NextTask | None
    lease_ms: int
    run: RunTold | None = None


@dataclass(frozen=True)
class Tally:
    """So many executions of a map run stand so, which take so many items; ``stuck``: and cannot be redriven."""

    status: str
    stuck: bool
    executions: int
    items: int


@dataclass(frozen=True)
class Finished:
    """``attempt``: the claim of the next task; None when there is none, or it was queued."""

    attempt: int | None
    now: int


def now() -> int:
    """The database's time, the only clock that states are written by: milliseconds since the epoch."""
    return int(database.execute_sql(f"SELECT {clock()}").fetchone()[0])


def clock() -> str:
    """The SQL expression for the present time. Never ``clock_timestamp()``: no index can be used with it."""
    return sqlite.NOW if is_sqlite() else postgresql.NOW


def clock_sql() -> SQL:
    """The database's present time, for use inside a Peewee query."""
    return SQL(clock())


def start(begin: Start) -> bool:
    """Write a new execution with all it begins with, in one commit. False when its Idempotency-Key is taken.

    Raises IntegrityError when its name is taken.
    """
    if not is_sqlite():
        return bool(_prepared("start", postgresql.start_values(begin))[0])
    with transaction():
        return sqlite.start(database, begin)


def claim(task_id: str, owner: str, lease_ms: int, functions: Sequence[str], often_lost: bool) -> Claimed | None:
    """Take a queued task: from QUEUED to IN_PROGRESS, one attempt more, leased to ``owner``, its start in the history.

    None when it is not queued (a doubled, late or forged message), its execution is paused or has ended, it needs a
    function that is neither stored nor among ``functions``, or it was lost often and such a one is not wanted.
    """
    if is_sqlite():
        with transaction():
            row = sqlite.claim(database, task_id, owner, lease_ms, functions, often_lost)
    else:
        row = _prepared("claim", (task_id, owner, lease_ms, list(functions), often_lost))
    return None if row is None else _claimed(row)


def held(execution_id: str, owner: str) -> list[Claimed]:
    """What ``owner`` holds of an execution: its claims, also such as it never got to know of."""
    sql = (
        f"SELECT {CLAIMED}, {clock()} FROM task t JOIN execution e ON e.id = t.execution_id "
        "WHERE t.execution_id = {0} AND t.owner = {0} AND t.status = 'IN_PROGRESS' AND e.status = 'IN_PROGRESS'"
    )
    return [_claimed(row) for row in _all(sql, (execution_id, owner))]


def finish(move: Finish) -> Finished | None:
    """Finish a task and do all that follows in one commit. None when any guard failed: then nothing was changed."""
    if is_sqlite():
        with transaction():
            row = sqlite.finish(database, move)
    else:
        row = _prepared("finish", postgresql.finish_values(move))
    return None if row is None or not row[0] else Finished(row[1], row[2])


def heartbeat(owner: str, lease_ms: int, held: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    """Ask for more time for these attempts (task id, attempt) of ``owner``: those that are still its own.

    It waits for nobody: a task that somebody is changing right now keeps the lease it has, and is ours until it is not.
    """
    if is_sqlite():
        places = ", ".join(["(?, ?)"] * len(held))
        with transaction():
            rows = _all(sqlite.HEARTBEAT.format(places), (lease_ms, owner, *chain.from_iterable(held)))
    else:
        ids, attempts = zip(*held, strict=True)
        rows = _prepared_rows("heartbeat", (list(ids), list(attempts), owner, lease_ms))
    return {(str(task_id), attempt) for task_id, attempt in rows}


def lost_tasks(limit: int = 100) -> list[tuple[str, str, int, str]]:
    """Tasks whose lease has run out: (id, execution id, attempt, owner)."""
    return _running(f"owner IS NOT NULL AND lease_until < {clock()}", (limit,))


def overdue_tasks(grace_ms: int, limit: int = 100) -> list[tuple[str, str, int, str]]:
    """Tasks past their state's time-out that their worker has not ended itself: (id, execution id, attempt, owner)."""
    return _running(f"deadline_at IS NOT NULL AND deadline_at < {clock()} - {{0}}", (grace_ms, limit))


def silent_tasks(limit: int = 100) -> list[tuple[str, str, int, str]]:
    """Tasks of which whoever is to answer has been silent for too long: (id, execution id, attempt, owner)."""
    return _running(f"beat_by IS NOT NULL AND beat_by < {clock()}", (limit,))


def due_timers(limit: int = 100) -> list[tuple[str, str, int, int, str]]:
    """Timers whose time has come, earliest first: (execution id, frame, entry, number, kind)."""
    sql = (
        "SELECT execution_id, frame, entry, number, kind FROM timer "
        f"WHERE due_at <= {clock()} ORDER BY due_at LIMIT {{0}}"
    )
    return [(str(row[0]), *row[1:]) for row in _all(sql, (limit,))]


def next_timer_ms() -> int | None:
    """How long until the earliest timer is due, in milliseconds; None when there is none."""
    row = database.execute_sql(f"SELECT MIN(due_at) - {clock()} FROM timer").fetchone()
    return None if row[0] is None else int(row[0])


def queued_tasks(older_ms: int, limit: int) -> list[str]:
    """Tasks that have been waiting to be claimed for at least so long, oldest first."""
    sql = (
        f"SELECT id FROM task WHERE status = 'QUEUED' AND queued_at <= {clock()} - {{0}} ORDER BY queued_at LIMIT {{0}}"
    )
    return [str(row[0]) for row in _all(sql, (older_ms, limit))]


def overtaken_tasks(by_task: str, older_ms: int, limit: int) -> list[str]:
    """Tasks that have been waiting to be claimed for so much longer than this one, oldest first."""
    sql = (
        "SELECT id FROM task WHERE status = 'QUEUED' "
        "AND queued_at <= (SELECT queued_at FROM task WHERE id = {0}) - {0} ORDER BY queued_at LIMIT {0}"
    )
    return [str(row[0]) for row in _all(sql, (by_task, older_ms, limit))]


def map_run_tallies(run: str, is_batched: bool, again: tuple[int, int], redrivable: tuple[int, int]) -> list[Tally]:
    """How many executions of a map run stand how, and how many items they take.

    PENDING_REDRIVE are those that ended without success and stand in the places from ``again[0]`` to before
    ``again[1]``. One that may be redriven has fewer events than ``redrivable[0]``, and ended no earlier than
    ``redrivable[1]``.
    """
    failed = "status IN ('FAILED', 'TIMED_OUT', 'CANCELLED')"
    is_next = f"{failed} AND {PLACE} >= {{0}} AND {PLACE} < {{0}}"
    sql = (
        f"SELECT CASE WHEN {is_next} THEN 'PENDING_REDRIVE' ELSE status END, "
        f"{failed} AND (history_count >= {{0}} OR finished_at < {{0}}), "
        f"COUNT(*), SUM({batch_size() if is_batched else '1'}) "
        f"FROM execution WHERE {IN_MAP_RUN} = {{0}} AND parent IS NOT NULL GROUP BY 1, 2"
    )
    found = _all(sql, (*again, *redrivable, f"run:{run}"))
    return [Tally(status, bool(stuck), executions, int(items)) for status, stuck, executions, items in found]


def batch_size() -> str:
    """The SQL expression for how many items an execution takes of a map run that makes batches of them."""
    return "json_array_length(input, '$.Items')" if is_sqlite() else "json_array_length((input::json) -> 'Items')"


def _running(condition: str, values: Sequence[Any]) -> list[tuple[str, str, int, str]]:
    """Running tasks of which a condition holds; the last of the values is the most there may be."""
    sql = f"SELECT id, execution_id, attempt, owner FROM task WHERE status = 'IN_PROGRESS' AND {condition} LIMIT {{0}}"
    return [(str(task), str(execution), attempt, owner) for task, execution, attempt, owner in _all(sql, values)]


def _all(sql: str, values: Sequence[Any]) -> list[Any]:
    return database.execute_sql(sql.format(database.obj.param), values).fetchall()


def _prepared(name: str, values: Sequence[Any]) -> Any:
    """The one row, or None, that a prepared statement gives."""
    return next(iter(_prepared_rows(name, values)), None)


def _prepared_rows(name: str, values: Sequence[Any]) -> list[Any]:
    with wrapped_errors:
        return postgresql.executed(database.cursor(), name, values)


def _claimed(row: Sequence[Any]) -> Claimed:
    task, shared, root = row[:14], row[14:24], row[24:34]
    return Claimed(str(task[0]), str(task[1]), *task[2:], *_shared(shared), Root(*root), row[34])


def _shared(row: Sequence[Any]) -> Sequence[Any]:
    name, workflow, version_id, *rest = row
    return name, workflow, str(version_id), *rest
