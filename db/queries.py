"""The hot statements, each named and described. The other rooms call these, and never see the dialect.

On PostgreSQL a move of an execution is ONE prepared statement and one commit; on SQLite, which has no data-modifying
CTEs, it is one short transaction. Every move is guarded in the statement itself, and its row count decides.
Locks are taken in one order everywhere: execution, frames, tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from peewee import SQL, fn
from peewee import __exception_wrapper__ as wrapped_errors  # type: ignore[attr-defined]

from stepwell.db import postgresql, sqlite
from stepwell.db.database import database, is_sqlite, transaction
from stepwell.db.parents import PLACE, RUN, is_awaited, text_of
from stepwell.db.statements import CLAIMED, claimed
from stepwell.db.values import Claimed, Finish, Finished, QueuedTask, Start, Tally


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
    """Write a new execution with all it begins with, in one commit. False if its Idempotency-Key is taken.

    Raises IntegrityError if its name is taken.
    """
    if not is_sqlite():
        return bool(_prepared("start", postgresql.start_values(begin))[0])
    with transaction():
        return sqlite.start(begin)


def claim(task_id: str, owner: str, lease_ms: int, functions: Sequence[str], often_lost: bool) -> Claimed | None:
    """Take a queued task: from QUEUED to IN_PROGRESS, one attempt more, leased to ``owner``, its start in the history.

    None if it is not queued (a doubled, late or forged message), if its execution is paused or has ended, if the Map
    Run of its execution has ended, if it needs a function that is neither stored nor among ``functions``, or if it was
    lost often and ``often_lost`` is False.
    """
    if is_sqlite():
        with transaction():
            row = sqlite.claim(task_id, owner, lease_ms, functions, often_lost)
    else:
        # The task's own row count decides, not a look before it: two workers may hold the same message.
        row = _prepared("claim", (task_id, owner, lease_ms, list(functions), often_lost))
    return None if row is None else claimed(row)


def held(execution_id: str, owner: str) -> list[Claimed]:
    """The claims of an execution's tasks that ``owner`` holds, also those with a commit that it never learnt of."""
    sql = (
        f"SELECT {CLAIMED}, {clock()} FROM task t JOIN execution e ON e.id = t.execution_id "
        "WHERE t.execution_id = {0} AND t.owner = {0} AND t.status = 'IN_PROGRESS' AND e.status = 'IN_PROGRESS'"
    )
    return [claimed(row) for row in _all(sql, (execution_id, owner))]


def finish(move: Finish) -> Finished | None:
    """Finish a task and write all that follows, in one commit. None if a guard failed: then nothing was changed."""
    if is_sqlite():
        with transaction():
            row = sqlite.finish(move)
    else:
        row = _prepared("finish", postgresql.finish_values(move))
    # PostgreSQL returns a row in any case, and its first column says whether the guards held.
    return None if row is None or not row[0] else Finished(row[1], row[2])


def heartbeat(owner: str, lease_ms: int, held: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    """Prolong the leases of these attempts (task id, attempt), and return those that are still ``owner``'s.

    It waits for no lock: a task that another transaction is changing right now keeps the lease it has, and counts as
    the owner's until that transaction commits.
    """
    if is_sqlite():
        # SQLite has no arrays: one pair of marks a claim.
        places = ", ".join(["(?, ?)"] * len(held))
        with transaction():
            rows = _all(sqlite.HEARTBEAT.format(places), (lease_ms, owner, *chain.from_iterable(held)))
    else:
        ids, attempts = zip(*held, strict=True)
        rows = _prepared_rows("heartbeat", (list(ids), list(attempts), owner, lease_ms))
    return {(str(task_id), attempt) for task_id, attempt in rows}


def lost_tasks(limit: int = 100) -> list[tuple[str, str, int, str]]:
    """Tasks with a lease that has run out: (id, execution id, attempt, owner)."""
    return _running(f"owner IS NOT NULL AND lease_until < {clock()}", (limit,))


def overdue_tasks(grace_ms: int, limit: int = 100) -> list[tuple[str, str, int, str]]:
    """Tasks past their state's time-out by ``grace_ms`` or more: (id, execution id, attempt, owner).

    Their worker should have ended them itself.
    """
    # ``IS NOT NULL`` is implied, and written for the partial index ``task_deadline``.
    return _running(f"deadline_at IS NOT NULL AND deadline_at < {clock()} - {{0}}", (grace_ms, limit))


def tasks_without_heartbeat(limit: int = 100) -> list[tuple[str, str, int, str]]:
    """Tasks with an overdue heartbeat: (id, execution id, attempt, owner)."""
    # Written so that the partial index ``task_beat`` fits: a sweep must not read all tasks.
    return _running(f"beat_by IS NOT NULL AND beat_by < {clock()}", (limit,))


def next_timer_ms() -> int | None:
    """Milliseconds until the earliest timer is due, negative if it is overdue; None if there is no timer."""
    return _next_ms("due_at")


def next_again_ms() -> int | None:
    """The same for the timers that are put off."""
    return _next_ms("again_at")


def waiting_workflows(behind: str | None, limit: int) -> list[str]:
    """The ids of workflows with queued tasks, in their order, from behind this one on."""
    # A loose scan: one look into the index for each workflow, however many tasks it has.
    first, following = (
        f"(SELECT workflow_id FROM task WHERE status = 'QUEUED' {condition} ORDER BY workflow_id LIMIT 1)"
        for condition in ("" if behind is None else "AND workflow_id > {0}", "AND workflow_id > w.id")
    )
    sql = (
        f"WITH RECURSIVE w(id, place) AS (SELECT {first}, 1 UNION ALL "
        f"SELECT {following}, w.place + 1 FROM w WHERE w.id IS NOT NULL AND w.place < {{0}}) "
        "SELECT id FROM w WHERE id IS NOT NULL"
    )
    return [str(row[0]) for row in _all(sql, (limit,) if behind is None else (behind, limit))]


def waiting_tasks(workflows: Mapping[str, str | None], older_ms: int, most: int) -> list[QueuedTask]:
    """Tasks of these workflows that have waited for ``older_ms`` or more to be claimed: ``most`` of each, oldest first.

    A task given with a workflow stands for the present: the others have waited that much longer than it.
    """
    if not workflows:
        return []
    of_task = "(SELECT o.queued_at FROM task o WHERE o.id = w.overtaken_by)"
    bound = f"CASE WHEN w.overtaken_by IS NULL THEN {clock()} ELSE {of_task} END"
    values: Sequence[Any]
    if is_sqlite():
        sql = sqlite.WAITING.format(", ".join(["(?, ?)"] * len(workflows)), bound=bound)
        values = (*chain.from_iterable(workflows.items()), older_ms, most)
    else:
        sql = postgresql.WAITING.format(bound=bound)
        values = (list(workflows), list(workflows.values()), older_ms, most)
    found = database.execute_sql(sql, values).fetchall()
    return [QueuedTask(str(task), str(workflow)) for task, workflow in found]


def running_children(after: str | None, limit: int) -> list[tuple[str, bool]]:
    """The next running child executions behind the id ``after``, in the order of their ids.

    Each comes with True if nobody waits for it: its task, or its Map Run, has ended.
    """
    behind = "" if after is None else "AND id > {0} "
    sql = (
        # The page first, so that a sweep looks at no more of them than its limit, however many there are.
        "WITH page AS (SELECT id, parent FROM execution WHERE status = 'IN_PROGRESS' AND parent IS NOT NULL "
        f"{behind}ORDER BY id LIMIT {{0}}) SELECT id, NOT {_awaited('page')} FROM page ORDER BY id"
    )
    found = _all(sql, (limit,) if after is None else (after, limit))
    return [(str(one), bool(is_orphan)) for one, is_orphan in found]


def map_run_tallies(run: str, is_batched: bool, again: tuple[int, int], redrivable: tuple[int, int]) -> list[Tally]:
    """Count a Map Run's executions and items, by status.

    An execution counts as PENDING_REDRIVE if it ended without success and its place is at least ``again[0]`` and less
    than ``again[1]``. It can be redriven if it has fewer events than ``redrivable[0]``, and ended no earlier than
    ``redrivable[1]``.
    """
    failed = "status IN ('FAILED', 'TIMED_OUT', 'CANCELLED')"
    is_next = f"{failed} AND {PLACE} >= {{0}} AND {PLACE} < {{0}}"
    sql = (
        f"SELECT CASE WHEN {is_next} THEN 'PENDING_REDRIVE' ELSE status END, "
        # One pass over the children gives all counts: a Map Run may have 100,000.
        f"{failed} AND (history_count >= {{0}} OR finished_at < {{0}}), "
        f"COUNT(*), SUM({batch_size() if is_batched else '1'}) "
        f"FROM execution WHERE {RUN} = {{0}} AND parent IS NOT NULL GROUP BY 1, 2"
    )
    found = _all(sql, (*again, *redrivable, text_of(run)))
    return [Tally(status, bool(stuck), executions, int(items)) for status, stuck, executions, items in found]


def batch_size() -> str:
    """The SQL expression for the number of items in an execution's input, in a Map Run that makes batches of items."""
    return "json_array_length(input, '$.Items')" if is_sqlite() else "json_array_length((input::json) -> 'Items')"


def holds(text: Any, part: Any) -> Any:
    """The condition that one text holds another one, for use inside a Peewee query."""
    return (fn.INSTR if is_sqlite() else fn.STRPOS)(text, part) > 0


def _awaited(execution: str) -> str:
    return is_awaited(execution) if is_sqlite() else is_awaited(execution, "{}::uuid")


def _next_ms(column: str) -> int | None:
    row = database.execute_sql(f"SELECT MIN({column}) - {clock()} FROM timer").fetchone()
    return None if row[0] is None else int(row[0])


def _running(condition: str, values: Sequence[Any]) -> list[tuple[str, str, int, str]]:
    """Running tasks for which the condition holds. The last of the values is the limit."""
    sql = f"SELECT id, execution_id, attempt, owner FROM task WHERE status = 'IN_PROGRESS' AND {condition} LIMIT {{0}}"
    return [(str(task), str(execution), attempt, owner) for task, execution, attempt, owner in _all(sql, values)]


def _all(sql: str, values: Sequence[Any]) -> list[Any]:
    rows: list[Any] = database.execute_sql(sql.format(database.obj.param), values).fetchall()
    return rows


def _prepared(name: str, values: Sequence[Any]) -> Any:
    """The first row of a prepared statement; None if there is none."""
    return next(iter(_prepared_rows(name, values)), None)


def _prepared_rows(name: str, values: Sequence[Any]) -> list[Any]:
    with wrapped_errors:
        return postgresql.executed(database.cursor(), name, values)
