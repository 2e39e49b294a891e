"""PostgreSQL's form of the hot statements: each is one statement, prepared once per connection.

In the statements ``materialized`` CTEs lock rows in one order (execution, then task, then the next task) and re-check
their guards on the newest version of the row (READ COMMITTED). All changes depend on them, so that all of them happen
or none does. A row is changed at most once in a statement: PostgreSQL ignores a second change.

``:name`` stands for a parameter: ``_prepare`` numbers them in the order in which they are declared below, which is the
order of the dataclasses in ``values`` and of the functions that give the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from psycopg2 import errors

from stepwell.db.parents import is_wanted
from stepwell.db.pooler import SharedSession, address_of
from stepwell.db.statements import (
    FINISHED,
    FOLLOWING,
    assigned,
    columns,
    names,
    nulls,
    numbered,
    parameters,
    selected,
    values_of,
)
from stepwell.db.values import (
    FREED,
    OFTEN_LOST,
    ClaimedExecution,
    ClaimedTask,
    Finish,
    HistoryLine,
    NewExecution,
    NewFrame,
    NewTask,
    NewTimer,
    Root,
    RunWakeUp,
    Start,
)

NOW = "(extract(epoch from statement_timestamp()) * 1000)::bigint"

Declared = dict[str, str]
"""Parameters by name, each with its type, in the order of their numbers."""


def _type_of(name: str, annotation: str) -> str:
    if name == "id" or name.endswith("_id"):
        return "uuid"
    if name.endswith(("_at", "_ms")):
        return "bigint"
    return {"str": "text", "int": "int", "float": "double precision"}[annotation.split(" ")[0]]


def _types(row: type, only: Sequence[str] = ()) -> Declared:
    """The columns of a dataclass with their types; ``only`` some of them, in its order."""
    annotations = {one.name: str(one.type) for one in fields(row)}
    return {name: _type_of(name, annotations[name]) for name in only or annotations}


def _arrays(prefix: str, row: type) -> Declared:
    """The array type of each column's parameter.

    psycopg2 writes a list as ARRAY[...], which is a text[] when the list holds strings or only nulls. So a column that
    may be null, or that is written as a string, has text[] here, and ``_cast`` turns its values into the column's type.
    """
    return {f"{prefix}_{name}": f"{_array_type(kind)}[]" for name, kind in _types(row).items()}


def _array_type(kind: str) -> str:
    return kind if kind in ("int", "bigint") else "text"


def _unnest(prefix: str, row: type) -> str:
    return f"unnest({', '.join(f':{name}' for name in _arrays(prefix, row))})"


def _cast(row: type) -> str:
    """The select list of ``_unnest(...) u``, each column of its own type."""
    return ", ".join(
        f"u.{name}" if _array_type(kind) == kind else f"u.{name}::{kind}" for name, kind in _types(row).items()
    )


def _prepare(name: str, declared: Declared, sql: str) -> str:
    return f"PREPARE {name}({', '.join(declared.values())}) AS {numbered(sql, declared, '$')}"


CLAIM = _prepare(
    "claim",
    {"id": "uuid", "owner": "text", "lease_ms": "bigint", "functions": "text[]", "often_lost": "boolean"},
    f"""
WITH x AS MATERIALIZED (
  -- The execution first, then its task: every move locks in this order.
  SELECT e.* FROM execution e
  WHERE e.id = (SELECT execution_id FROM task WHERE id = :id) AND e.status = 'IN_PROGRESS' AND NOT e.paused
    AND {is_wanted("e", "{}::uuid")}
  FOR UPDATE OF e),
cur AS MATERIALIZED (
  -- A function is known by its name: behind '::' may stand a version or an alias.
  SELECT t.id FROM task t, x WHERE t.id = :id AND t.status = 'QUEUED'
    AND (split_part(t.function, '::', 1) = ANY(:functions)
      OR EXISTS (SELECT FROM stored_function f WHERE f.name = split_part(t.function, '::', 1)))
    AND (:often_lost OR t.losses < {OFTEN_LOST}) FOR UPDATE OF t),
mine AS (
  UPDATE task t SET status = 'IN_PROGRESS', attempt = t.attempt + 1, owner = :owner, lease_until = {NOW} + :lease_ms,
    started_at = {NOW}, missing_since = NULL, deadline_at = {NOW} + (t.timeout_seconds * 1000)::bigint,
    beat_by = {NOW} + (t.heartbeat_seconds * 1000)::bigint
  FROM cur WHERE t.id = cur.id RETURNING t.*),
counted AS (
  -- The count is raised in the statement that takes the task: a claim without its line in the history cannot be.
  UPDATE execution v SET history_count = v.history_count + 1 FROM mine WHERE v.id = mine.execution_id),
line AS (
  INSERT INTO history (execution_id, id, type, at, frame, step, details)
  SELECT mine.execution_id, e.history_count + 1, 'TaskStarted', {NOW}, mine.frame, mine.step,
    json_build_object('task', mine.number, 'attempt', mine.attempt)::text FROM mine, x e)
-- x is the row as it was before "counted" changed it: hence one more.
SELECT {selected(ClaimedTask, "mine")},
  {selected(ClaimedExecution, "e", execution_input="e.input", history_count="e.history_count + 1")},
  {selected(Root, "e")}, {NOW}
FROM mine, x e
""",
)

FOLLOWED = {
    "status": "CASE WHEN :claim THEN 'IN_PROGRESS' ELSE 'QUEUED' END",
    "owner": "CASE WHEN :claim THEN :owner END",
    "lease_until": f"CASE WHEN :claim THEN {NOW} + :lease_ms END",
    "started_at": f"CASE WHEN :claim THEN {NOW} END",
    "deadline_at": f"CASE WHEN :claim THEN {NOW} + (:next_timeout_seconds * 1000)::bigint END",
    "queued_at": NOW,
    "entry": ":next_entry",
    "input": ":next_input",
    "timeout_seconds": ":next_timeout_seconds",
    "visit": ":next_visit",
}
"""The columns of the following task, whether its row is there or new: claimed at once, or queued for any worker."""

FINISH = _prepare(
    "finish",
    {
        **_types(Finish, FINISHED),
        **_types(Root),
        **_arrays("line", HistoryLine),
        **{f"next_{name}": kind for name, kind in _types(ClaimedTask, FOLLOWING).items()},
        "is_new": "boolean",
        "claim": "boolean",
        "wakes_run": "uuid",
        "wakes_number": "int",
        "wakes_kind": "text",
    },
    f"""
WITH x AS MATERIALIZED (
  -- The core decided on this revision and this history: every move since has raised one of them.
  SELECT history_count, workflow_id FROM execution
  WHERE id = :execution_id AND revision = :revision AND history_count = :history_count AND status = 'IN_PROGRESS'
    AND NOT paused FOR UPDATE),
cur AS MATERIALIZED (
  -- The claim whose result this is: a later attempt, or another owner, has made it void.
  SELECT t.id, t.started_at FROM task t, x
  WHERE t.id = :task_id AND t.attempt = :attempt AND t.owner = :owner AND t.status = 'IN_PROGRESS' FOR UPDATE OF t),
n AS MATERIALIZED (
  -- The following task must still be as it was planned; it is locked last, in the order of all moves.
  SELECT t.id FROM task t, cur WHERE t.id = :next_id AND t.status = 'PENDING' FOR UPDATE OF t),
go AS MATERIALIZED (
  -- All guards together: every change below takes its row from here, so all of them happen or none.
  SELECT x.history_count, x.workflow_id FROM x, cur WHERE (:next_id IS NULL OR :is_new OR EXISTS (SELECT FROM n))
    -- As in the claim: nothing more is begun for a Map Run that has ended.
    AND CASE WHEN :claim AND :run_id IS NOT NULL
      THEN EXISTS (SELECT FROM map_run r WHERE r.id = :run_id AND r.status = 'RUNNING') ELSE true END),
done AS (
  UPDATE task t SET status = 'COMPLETED', result = :result, error = NULL, cause = NULL, finished_at = {NOW},
    {nulls(FREED)}
  FROM go WHERE t.id = :task_id),
tried AS (
  INSERT INTO attempt (task_id, attempt, owner, outcome, logs, started_at, finished_at)
  SELECT :task_id, :attempt, :owner, 'COMPLETED', :logs, cur.started_at, {NOW} FROM go, cur),
taken AS (
  -- Either this or "made" touches a row: the next task is planned (a step list) or new (a state machine).
  UPDATE task t SET attempt = t.attempt + :claim::int, {assigned(FOLLOWED)}
  FROM go WHERE t.id = :next_id AND NOT :is_new RETURNING CASE WHEN :claim THEN t.attempt END AS attempt),
made AS (
  INSERT INTO task (id, execution_id, workflow_id, number, frame, step, function, attempt, retries, losses, data,
    created_at, {", ".join(FOLLOWED)})
  SELECT :next_id, :execution_id, go.workflow_id, :next_number, '', :next_step, :next_function, :claim::int, 0, 0,
    'null', {NOW}, {", ".join(FOLLOWED.values())}
  FROM go WHERE :next_id IS NOT NULL AND :is_new RETURNING CASE WHEN :claim THEN attempt END AS attempt),
moved AS (
  UPDATE execution v SET {assigned({name: f":{name}" for name in names(Root)})}, status = :status, output = :output,
    revision = v.revision + 1, history_count = v.history_count + cardinality(:line_type),
    finished_at = CASE WHEN :status <> 'IN_PROGRESS' THEN {NOW} END
  FROM go WHERE v.id = :execution_id),
lines AS (
  INSERT INTO history (execution_id, id, at, {columns(HistoryLine)})
  SELECT :execution_id, go.history_count + u.place, {NOW}, {selected(HistoryLine, "u")}
  FROM go, {_unnest("line", HistoryLine)} WITH ORDINALITY u({columns(HistoryLine)}, place)),
woken AS (
  -- The Map Run's own row and its execution's are not locked: the timer's pump does that, in a transaction of its own.
  INSERT INTO timer (execution_id, frame, entry, number, kind, due_at)
  SELECT m.execution_id, m.frame, m.entry, :wakes_number, :wakes_kind, {NOW} FROM go, map_run m
  WHERE m.id = :wakes_run AND m.status = 'RUNNING' ON CONFLICT DO NOTHING)
SELECT EXISTS (SELECT FROM go), (SELECT attempt FROM taken UNION ALL SELECT attempt FROM made), {NOW}
""",
)

START = _prepare(
    "start",
    {
        **_types(NewExecution),
        **_types(Root),
        "key": "text",
        "body_hash": "text",
        "history_count": "int",
        **_arrays("task", NewTask),
        **_arrays("frame", NewFrame),
        **_arrays("timer", NewTimer),
        **_arrays("line", HistoryLine),
    },
    f"""
WITH kept AS (
  -- Two starts with one key: the second waits here for the first one's commit, and then begins nothing.
  INSERT INTO start_key (key, body_hash, execution_id, created_at)
  SELECT :key, :body_hash, :id, :created_at WHERE :key IS NOT NULL ON CONFLICT DO NOTHING RETURNING 1),
begun AS (
  INSERT INTO execution ({columns(NewExecution, Root)}, paused, revision, history_count, finished_at)
  SELECT {parameters(NewExecution, Root)}, false, 0, :history_count,
    CASE WHEN :status <> 'IN_PROGRESS' THEN {NOW} END
  -- Without a row here nothing below has anything to join: a key that is taken begins nothing at all.
  WHERE :key IS NULL OR EXISTS (SELECT FROM kept) RETURNING id, workflow_id),
tasks AS (
  INSERT INTO task (execution_id, workflow_id, {columns(NewTask)}, attempt, retries, losses, created_at,
    queued_at, finished_at, deadline_at)
  SELECT begun.id, begun.workflow_id, {_cast(NewTask)}, 0, 0, 0, :created_at,
    CASE WHEN u.status = 'QUEUED' THEN {NOW} END, CASE WHEN u.status = 'CANCELLED' THEN {NOW} END,
    CASE WHEN u.status = 'IN_PROGRESS' THEN {NOW} + (u.timeout_seconds::double precision * 1000)::bigint END
  FROM begun, {_unnest("task", NewTask)} u({columns(NewTask)})),
frames AS (
  INSERT INTO frame (execution_id, {columns(NewFrame)})
  SELECT begun.id, {_cast(NewFrame)} FROM begun, {_unnest("frame", NewFrame)} u({columns(NewFrame)})),
timers AS (
  INSERT INTO timer (execution_id, frame, entry, number, kind, due_at)
  SELECT begun.id, u.frame, u.entry, u.number, u.kind, {NOW} + u.delay_ms
  FROM begun, {_unnest("timer", NewTimer)} u({columns(NewTimer)})),
lines AS (
  INSERT INTO history (execution_id, id, at, {columns(HistoryLine)})
  SELECT begun.id, u.place, {NOW}, {selected(HistoryLine, "u")}
  FROM begun, {_unnest("line", HistoryLine)} WITH ORDINALITY u({columns(HistoryLine)}, place))
SELECT EXISTS (SELECT FROM begun)
""",
)

HEARTBEAT = _prepare(
    "heartbeat",
    {"ids": "text[]", "attempts": "int[]", "owner": "text", "lease_ms": "bigint"},
    f"""
WITH wanted AS MATERIALIZED (
  -- One round trip for all claims of a process.
  SELECT id, attempt FROM unnest(:ids::uuid[], :attempts) u(id, attempt)),
held AS MATERIALIZED (
  -- SKIP LOCKED: another transaction is changing the task; waiting for it could cost the other leases.
  SELECT t.id FROM task t, wanted
  WHERE t.id = wanted.id AND t.attempt = wanted.attempt AND t.owner = :owner AND t.status = 'IN_PROGRESS'
  FOR UPDATE OF t SKIP LOCKED),
kept AS (
  -- Only rows that are locked without waiting; the others keep the lease that they have until the next turn.
  UPDATE task t SET lease_until = {NOW} + :lease_ms FROM held WHERE t.id = held.id)
-- Not from "held": a task whose row was skipped is still this owner's, and its handler must not be stopped.
SELECT t.id, t.attempt FROM task t, wanted
WHERE t.id = wanted.id AND t.attempt = wanted.attempt AND t.owner = :owner AND t.status = 'IN_PROGRESS'
""",
)

WAITING = """
SELECT t.id, t.workflow_id FROM unnest(%s::uuid[], %s::uuid[]) w(id, overtaken_by) CROSS JOIN LATERAL (
  SELECT q.id, q.workflow_id, q.queued_at FROM task q WHERE q.status = 'QUEUED' AND q.workflow_id = w.id
    AND q.queued_at <= {bound} - %s ORDER BY q.queued_at LIMIT %s) t ORDER BY t.queued_at
"""

PREPARE = {"start": START, "claim": CLAIM, "finish": FINISH, "heartbeat": HEARTBEAT}


def executed(cursor: Any, name: str, values: Sequence[Any]) -> list[Any]:
    """Run a prepared statement and return its rows; the connection's first use of it prepares it.

    It is prepared before, and not when it turns out to be unknown: that error would end the transaction around it.
    Raises SharedSession if somebody else prepares statements in our session.
    """
    execute = f"EXECUTE {name}({', '.join(['%s'] * len(values))})"
    try:
        if name not in cursor.connection.prepared:
            cursor.execute(PREPARE[name])
            cursor.connection.prepared.add(name)
        try:
            cursor.execute(execute, values)
        except errors.InvalidSqlStatementName:  # somebody has reset the session
            cursor.execute(PREPARE[name])
            cursor.execute(execute, values)
    except errors.DuplicatePreparedStatement:
        raise SharedSession(address_of(cursor.connection)) from None
    return list(cursor.fetchall())


def start_values(start: Start) -> Sequence[Any]:
    """The parameters of ``start``, in the order in which START declares them."""
    return (
        *values_of(start.execution),
        *values_of(start.root),
        *((None, None) if start.key is None else values_of(start.key)),
        len(start.lines),
        *_columns(start.tasks, NewTask),
        *_columns(start.frames, NewFrame),
        *_columns(start.timers, NewTimer),
        *_columns(start.lines, HistoryLine),
    )


def finish_values(finish: Finish) -> Sequence[Any]:
    """The parameters of ``finish``, in the order in which FINISH declares them."""
    following = finish.next
    return (
        *_finished(finish),
        *values_of(finish.root),
        *_columns(finish.lines, HistoryLine),
        *(_NOTHING_FOLLOWS if following is None else (*_following(following.task), following.is_new, following.claim)),
        *(_NO_WAKE_UP if finish.wakes is None else values_of(finish.wakes)),
    )


_finished = attrgetter(*FINISHED)
_following = attrgetter(*FOLLOWING)
_NOTHING_FOLLOWS = (*[None] * len(FOLLOWING), False, False)
_NO_WAKE_UP = (None,) * len(names(RunWakeUp))


def _columns(rows: Sequence[Any], row: type) -> list[list[Any]]:
    """Turn rows into one array a column, as ``unnest()`` takes them."""
    return [list(column) for column in zip(*map(values_of, rows), strict=True)] or [[]] * _WIDTHS[row]


_WIDTHS: dict[type, int] = {row: len(names(row)) for row in (NewTask, NewFrame, NewTimer, HistoryLine)}
