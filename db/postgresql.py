"""PostgreSQL's form of the hot statements: each is one statement, prepared once per connection.

In the statements ``materialized`` CTEs lock rows in the house's order and re-check their guards on the newest version
of the row (READ COMMITTED); what follows hangs on them, so that all of it happens or nothing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg2 import errors

from stepwell.db.values import FREED, OFTEN_LOST, nulls, values_of

NOW = "(extract(epoch from statement_timestamp()) * 1000)::bigint"

ROOT = "e.state, e.entry, e.entered_at, e.waiting, e.retries, e.open, e.data, e.begun, e.children, e.variables"
SHARED = (
    "e.name, e.workflow, e.version_id, e.revision, e.history_count + 1, e.input, e.created_at, e.parent, "
    "e.redrives, e.redriven_at"
)

CLAIM = f"""
PREPARE claim(uuid, text, bigint, text[], boolean) AS
WITH x AS MATERIALIZED (
  SELECT e.* FROM execution e
  WHERE e.id = (SELECT execution_id FROM task WHERE id = $1) AND e.status = 'IN_PROGRESS' AND NOT e.paused
  FOR UPDATE OF e),
cur AS MATERIALIZED (
  SELECT t.id FROM task t, x WHERE t.id = $1 AND t.status = 'QUEUED' AND (split_part(t.function, '::', 1) = ANY($4)
      OR EXISTS (SELECT FROM stored_function f WHERE f.name = split_part(t.function, '::', 1)))
    AND ($5 OR t.losses < {OFTEN_LOST}) FOR UPDATE OF t),
mine AS (
  UPDATE task t SET status = 'IN_PROGRESS', attempt = t.attempt + 1, owner = $2, lease_until = {NOW} + $3,
    started_at = {NOW}, missing_since = NULL, deadline_at = {NOW} + (t.timeout_seconds * 1000)::bigint,
    beat_by = {NOW} + (t.heartbeat_seconds * 1000)::bigint
  FROM cur WHERE t.id = cur.id RETURNING t.*),
counted AS (
  UPDATE execution v SET history_count = v.history_count + 1 FROM mine WHERE v.id = mine.execution_id),
line AS (
  INSERT INTO history (execution_id, id, type, at, frame, step, details)
  SELECT mine.execution_id, e.history_count + 1, 'TaskStarted', {NOW}, mine.frame, mine.step,
    json_build_object('task', mine.number, 'attempt', mine.attempt)::text FROM mine, x e)
SELECT mine.id, mine.execution_id, mine.number, mine.frame, mine.entry, mine.step, mine.function, mine.attempt,
  mine.owner, mine.retries, mine.losses, mine.timeout_seconds, mine.token, mine.input, {SHARED}, {ROOT}, {NOW}
FROM mine, x e
"""

FINISH = f"""
PREPARE finish(uuid, int, int, uuid, int, text, text, text,
  text, int, bigint, text, text, int, text, int, int, text, text, text,
  text[], text[], text[], text[],
  uuid, int, int, text, text, text, double precision, boolean, boolean, bigint, uuid, int, text) AS
WITH x AS MATERIALIZED (
  SELECT history_count FROM execution
  WHERE id = $1 AND revision = $2 AND history_count = $3 AND status = 'IN_PROGRESS' AND NOT paused FOR UPDATE),
cur AS MATERIALIZED (
  SELECT t.id, t.started_at FROM task t, x
  WHERE t.id = $4 AND t.attempt = $5 AND t.owner = $6 AND t.status = 'IN_PROGRESS' FOR UPDATE OF t),
n AS MATERIALIZED (
  SELECT t.id FROM task t, cur WHERE t.id = $25 AND t.status = 'PENDING' FOR UPDATE OF t),
go AS MATERIALIZED (
  SELECT x.history_count FROM x, cur WHERE $25 IS NULL OR $32 OR EXISTS (SELECT FROM n)),
done AS (
  UPDATE task t SET status = 'COMPLETED', result = $7, error = NULL, cause = NULL, finished_at = {NOW},
    {nulls(FREED)}
  FROM go WHERE t.id = $4),
tried AS (
  INSERT INTO attempt (task_id, attempt, owner, outcome, logs, started_at, finished_at)
  SELECT $4, $5, $6, 'COMPLETED', $8, cur.started_at, {NOW} FROM go, cur),
taken AS (
  UPDATE task t SET status = CASE WHEN $33 THEN 'IN_PROGRESS' ELSE 'QUEUED' END,
    attempt = t.attempt + $33::int, owner = CASE WHEN $33 THEN $6 END, entry = $27, input = $30,
    lease_until = CASE WHEN $33 THEN {NOW} + $34 END, started_at = CASE WHEN $33 THEN {NOW} END, queued_at = {NOW},
    timeout_seconds = $31, deadline_at = CASE WHEN $33 THEN {NOW} + ($31 * 1000)::bigint END
  FROM go WHERE t.id = $25 AND NOT $32 RETURNING CASE WHEN $33 THEN t.attempt END AS attempt),
made AS (
  INSERT INTO task (id, execution_id, number, frame, entry, step, function, status, attempt, retries, losses, owner,
    lease_until, deadline_at, timeout_seconds, queued_at, data, input, created_at, started_at)
  SELECT $25, $1, $26, '', $27, $28, $29, CASE WHEN $33 THEN 'IN_PROGRESS' ELSE 'QUEUED' END, $33::int, 0, 0,
    CASE WHEN $33 THEN $6 END, CASE WHEN $33 THEN {NOW} + $34 END,
    CASE WHEN $33 THEN {NOW} + ($31 * 1000)::bigint END, $31, {NOW}, 'null', $30, {NOW}, CASE WHEN $33 THEN {NOW} END
  FROM go WHERE $25 IS NOT NULL AND $32 RETURNING CASE WHEN $33 THEN attempt END AS attempt),
moved AS (
  UPDATE execution v SET state = $9, entry = $10, entered_at = $11, waiting = $12, retries = $13, open = $14,
    data = $15, begun = $16, children = $17, variables = $18, status = $19, output = $20, revision = v.revision + 1,
    history_count = v.history_count + cardinality($21),
    finished_at = CASE WHEN $19 <> 'IN_PROGRESS' THEN {NOW} END
  FROM go WHERE v.id = $1),
lines AS (
  INSERT INTO history (execution_id, id, type, at, frame, step, details)
  SELECT $1, go.history_count + u.place, u.type, {NOW}, u.frame, u.step, u.details
  FROM go, unnest($21, $22, $23, $24) WITH ORDINALITY u(type, frame, step, details, place)),
told AS (
  INSERT INTO timer (execution_id, frame, entry, number, kind, due_at)
  SELECT m.execution_id, m.frame, m.entry, $36, $37, {NOW} FROM go, map_run m
  WHERE m.id = $35 AND m.status = 'RUNNING' ON CONFLICT DO NOTHING)
SELECT EXISTS (SELECT FROM go), (SELECT attempt FROM taken UNION ALL SELECT attempt FROM made), {NOW}
"""

# psycopg2 writes a list as ARRAY[...]: of strings, or of nothing but nulls, that is a text[]. Hence the casts in START.
START = f"""
PREPARE start(uuid, text, uuid, text, uuid, int, text, int, text, int, bigint, text, text, int, text, int, int, text,
  text, text, text, text, text, text, bigint,
  text[], int[], text[], text[], text[], text[], text[], int[], text[], text[], text[], text[],
  text[], text[], int[], bigint[], text[], text[], int[], text[], text[], int[], int[], text[], text[],
  text[], int[], int[], text[], bigint[],
  text[], text[], text[], text[], int, text, text, text) AS
WITH kept AS (
  INSERT INTO start_key (key, body_hash, execution_id, created_at)
  SELECT $23, $24, $1, $25 WHERE $23 IS NOT NULL ON CONFLICT DO NOTHING RETURNING 1),
begun AS (
  INSERT INTO execution (id, name, workflow_id, workflow, version_id, version, status, paused, revision, history_count,
    state, entry, entered_at, waiting, retries, open, data, begun, children, variables, input, output, error, cause,
    created_at, published, alias, trace, parent, finished_at)
  SELECT $1, $2, $3, $4, $5, $6, $7, false, 0, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
    $25, $60, $61, $62, $63, CASE WHEN $7 <> 'IN_PROGRESS' THEN {NOW} END
  WHERE $23 IS NULL OR EXISTS (SELECT FROM kept) RETURNING id),
tasks AS (
  INSERT INTO task (id, execution_id, number, frame, entry, step, function, status, attempt, retries, losses,
    queued_at, finished_at, deadline_at, data, input, timeout_seconds, token, heartbeat_seconds, created_at)
  SELECT u.id::uuid, begun.id, u.number, u.frame, u.entry, u.step, u.function, u.status, 0, 0, 0,
    CASE WHEN u.status = 'QUEUED' THEN {NOW} END, CASE WHEN u.status = 'CANCELLED' THEN {NOW} END,
    CASE WHEN u.status = 'IN_PROGRESS' THEN {NOW} + (u.seconds::double precision * 1000)::bigint END, u.data, u.input,
    u.seconds::double precision, u.token, u.heartbeat::double precision, $25
  FROM begun, unnest($26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37)
    u(id, number, step, function, status, data, frame, entry, input, seconds, token, heartbeat)),
frames AS (
  INSERT INTO frame (execution_id, path, state, entry, entered_at, waiting, retries, open, data, output,
    begun, children, variables, item)
  SELECT begun.id, u.* FROM begun, unnest($38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50)
    u(path, state, entry, entered_at, waiting, retries, open, data, output, begun, children, variables, item)),
timers AS (
  INSERT INTO timer (execution_id, frame, entry, number, kind, due_at)
  SELECT begun.id, u.frame, u.entry, u.number, u.kind, {NOW} + u.delay
  FROM begun, unnest($51, $52, $53, $54, $55) u(frame, entry, number, kind, delay)),
lines AS (
  INSERT INTO history (execution_id, id, type, at, frame, step, details)
  SELECT begun.id, u.place, u.type, {NOW}, u.frame, u.step, u.details
  FROM begun, unnest($56, $57, $58, $59) WITH ORDINALITY u(type, frame, step, details, place))
SELECT EXISTS (SELECT FROM begun)
"""

HEARTBEAT = f"""
PREPARE heartbeat(text[], int[], text, bigint) AS
WITH asked AS MATERIALIZED (
  SELECT id, attempt FROM unnest($1::uuid[], $2) u(id, attempt)),
held AS MATERIALIZED (
  SELECT t.id FROM task t, asked
  WHERE t.id = asked.id AND t.attempt = asked.attempt AND t.owner = $3 AND t.status = 'IN_PROGRESS'
  FOR UPDATE OF t SKIP LOCKED),
kept AS (
  UPDATE task t SET lease_until = {NOW} + $4 FROM held WHERE t.id = held.id)
SELECT t.id, t.attempt FROM task t, asked
WHERE t.id = asked.id AND t.attempt = asked.attempt AND t.owner = $3 AND t.status = 'IN_PROGRESS'
"""

PREPARE = {
    "start": START,
    "claim": CLAIM,
    "finish": FINISH,
    "heartbeat": HEARTBEAT,
}


def executed(cursor: Any, name: str, values: Sequence[Any]) -> list[Any]:
    """The rows that a prepared statement gives; the connection's first use of it prepares it.

    Before, and not when it turns out to be unknown: that error would be the end of a transaction that it is part of.
    """
    if name not in cursor.connection.prepared:
        cursor.execute(PREPARE[name])
        cursor.connection.prepared.add(name)
    execute = f"EXECUTE {name}({', '.join(['%s'] * len(values))})"
    try:
        cursor.execute(execute, values)
    except errors.InvalidSqlStatementName:  # somebody between us and the server has forgotten it
        cursor.execute(PREPARE[name])
        cursor.execute(execute, values)
    return list(cursor.fetchall())


def start_values(start: Any) -> Sequence[Any]:
    """The parameters of ``start``, in the order of its numbers."""
    row, root = start.execution, start.root
    return (
        row.id,
        row.name,
        row.workflow_id,
        row.workflow,
        row.version_id,
        row.version,
        row.status,
        len(start.lines),
        *values_of(root),
        row.input,
        row.output,
        row.error,
        row.cause,
        row.key,
        row.body_hash,
        row.created_at,
        *_columns(start.tasks, 12),
        *_columns(start.frames, 13),
        *_columns(start.timers, 5),
        *_columns(start.lines, 4),
        row.published,
        row.alias,
        row.trace,
        row.parent,
    )


def _columns(rows: Sequence[Any], width: int) -> list[list[Any]]:
    """Rows turned into one array a column, as unnest() takes them."""
    return [list(column) for column in zip(*map(values_of, rows), strict=True)] or [[]] * width


def finish_values(move: Any) -> Sequence[Any]:
    """The parameters of ``finish``, in the order of its numbers."""
    root, following, lines = move.root, move.next, move.lines
    given = (
        (None,) * 7
        if following is None
        else (
            following.id,
            following.number,
            following.entry,
            following.step,
            following.function,
            following.input,
            following.timeout_seconds,
        )
    )
    flags = (False, False) if following is None else (following.is_new, following.claim)
    return (
        move.execution_id,
        move.revision,
        move.history_count,
        move.task_id,
        move.attempt,
        move.owner,
        move.result,
        move.logs,
        *values_of(root),
        move.status,
        move.output,
        *_columns(lines, 4),
        *given,
        *flags,
        move.lease_ms,
        *((None,) * 3 if move.run is None else values_of(move.run)),
    )
