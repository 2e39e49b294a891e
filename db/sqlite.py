"""SQLite's form of the hot statements: the same guards, as a few statements inside the caller's short transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepwell.db.values import CLAIMED, FREED, OFTEN_LOST, nulls, values_of

NOW = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"

FUNCTION = "substr(t.function, 1, instr(t.function || '::', '::') - 1)"
"""A task's function without the version or alias that may stand behind it."""
CLAIMABLE = f"""
SELECT t.execution_id, e.history_count FROM task t JOIN execution e ON e.id = t.execution_id
WHERE t.id = ? AND t.status = 'QUEUED' AND e.status = 'IN_PROGRESS' AND NOT e.paused
  AND (? OR t.losses < {OFTEN_LOST}) AND ({FUNCTION} IN ({{}})
    OR EXISTS (SELECT 1 FROM stored_function f WHERE f.name = {FUNCTION}))
"""
TAKE = f"""
UPDATE task SET status = 'IN_PROGRESS', attempt = attempt + 1, owner = ?, lease_until = {NOW} + ?, started_at = {NOW},
  missing_since = NULL, deadline_at = {NOW} + CAST(timeout_seconds * 1000 AS INTEGER),
  beat_by = {NOW} + CAST(heartbeat_seconds * 1000 AS INTEGER) WHERE id = ?
"""
COUNT = "UPDATE execution SET history_count = history_count + ? WHERE id = ?"
STARTED = f"""
INSERT INTO history (execution_id, id, type, at, frame, step, details)
SELECT execution_id, ?, 'TaskStarted', {NOW}, frame, step, json_object('task', number, 'attempt', attempt)
FROM task WHERE id = ?
"""
TAKEN = f"SELECT {CLAIMED}, {NOW} FROM task t JOIN execution e ON e.id = t.execution_id WHERE t.id = ?"
IS_CURRENT = """
SELECT t.started_at FROM task t JOIN execution e ON e.id = t.execution_id
WHERE e.id = ? AND e.revision = ? AND e.history_count = ? AND e.status = 'IN_PROGRESS' AND NOT e.paused
  AND t.id = ? AND t.attempt = ? AND t.owner = ? AND t.status = 'IN_PROGRESS'
"""
DONE = f"""
UPDATE task SET status = 'COMPLETED', result = ?, error = NULL, cause = NULL, finished_at = {NOW},
  {nulls(FREED)} WHERE id = ?
"""
TRIED = f"""
INSERT INTO attempt (task_id, attempt, owner, outcome, logs, started_at, finished_at)
VALUES (?, ?, ?, 'COMPLETED', ?, ?, {NOW})
"""
FOLLOW = f"""
UPDATE task SET status = ?2, attempt = attempt + ?3, owner = ?4, entry = ?5, input = ?6, queued_at = {NOW},
  timeout_seconds = ?7, lease_until = {NOW} + ?8, started_at = CASE WHEN ?3 THEN {NOW} END,
  deadline_at = CASE WHEN ?3 THEN {NOW} + CAST(?7 * 1000 AS INTEGER) END WHERE id = ?1 RETURNING attempt
"""
MAKE = f"""
INSERT INTO task (id, execution_id, number, frame, entry, step, function, status, attempt, retries, losses, data,
  created_at) VALUES (?, ?, ?, '', ?, ?, ?, 'PENDING', 0, 0, 0, 'null', {NOW})
"""
MOVE = f"""
UPDATE execution SET state = ?1, entry = ?2, entered_at = ?3, waiting = ?4, retries = ?5, open = ?6, data = ?7,
  begun = ?8, children = ?9, variables = ?10, status = ?11, output = ?12, revision = revision + 1,
  history_count = history_count + ?13,
  finished_at = CASE WHEN ?11 <> 'IN_PROGRESS' THEN {NOW} END WHERE id = ?14
"""
HEARTBEAT = f"""
UPDATE task SET lease_until = {NOW} + ? WHERE owner = ? AND status = 'IN_PROGRESS' AND (id, attempt) IN (VALUES {{}})
RETURNING id, attempt
"""
KEEP = """
INSERT INTO start_key (key, body_hash, execution_id, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1
"""
BEGIN = f"""
INSERT INTO execution (id, name, workflow_id, workflow, version_id, version, status, paused, revision, history_count,
  state, entry, entered_at, waiting, retries, open, data, begun, children, variables, input, output, error, cause,
  created_at, published, alias, trace, parent, finished_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
  ?23, ?24, ?25, ?26, ?27, CASE WHEN ?7 <> 'IN_PROGRESS' THEN {NOW} END)
"""
NEW_TASK = f"""
INSERT INTO task (execution_id, id, number, step, function, status, data, frame, entry, attempt, retries, losses,
  queued_at, finished_at, deadline_at, input, timeout_seconds, token, heartbeat_seconds, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, 0, CASE WHEN ?6 = 'QUEUED' THEN {NOW} END,
  CASE WHEN ?6 = 'CANCELLED' THEN {NOW} END,
  CASE WHEN ?6 = 'IN_PROGRESS' THEN {NOW} + CAST(?11 * 1000 AS INTEGER) END, ?10, ?11, ?12, ?13, {NOW})
"""
NEW_FRAME = """
INSERT INTO frame (execution_id, path, state, entry, entered_at, waiting, retries, open, data, output, begun, children,
  variables, item) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
NEW_TIMER = f"""
INSERT INTO timer (execution_id, frame, entry, number, kind, due_at) VALUES (?, ?, ?, ?, ?, {NOW} + ?)
"""
TELL = f"""
INSERT INTO timer (execution_id, frame, entry, number, kind, due_at)
SELECT execution_id, frame, entry, ?2, ?3, {NOW} FROM map_run WHERE id = ?1 AND status = 'RUNNING'
ON CONFLICT DO NOTHING
"""
LINE = f"INSERT INTO history (execution_id, id, type, at, frame, step, details) VALUES (?, ?, ?, {NOW}, ?, ?, ?)"


def start(database: Any, begin: Any) -> bool:
    """Whether the execution was written: not when its key is taken."""
    row = begin.execution
    kept = (row.key, row.body_hash, row.id, row.created_at)
    if row.key is not None and database.execute_sql(KEEP, kept).fetchone() is None:
        return False
    own = (row.id, row.name, row.workflow_id, row.workflow, row.version_id, row.version, row.status)
    rest = (
        row.input,
        row.output,
        row.error,
        row.cause,
        row.created_at,
        row.published,
        row.alias,
        row.trace,
        row.parent,
    )
    database.execute_sql(BEGIN, (*own, len(begin.lines), *values_of(begin.root), *rest))
    for statement, rows in ((NEW_TASK, begin.tasks), (NEW_FRAME, begin.frames), (NEW_TIMER, begin.timers)):
        for one in rows:
            database.execute_sql(statement, (row.id, *values_of(one)))
    _write_lines(database, row.id, 0, begin.lines)
    return True


def claim(database: Any, task_id: str, owner: str, lease_ms: int, functions: Sequence[str], often_lost: bool) -> Any:
    """The row of a task that is ours now, or None."""
    places = ", ".join("?" * len(functions))
    found = database.execute_sql(CLAIMABLE.format(places), (task_id, often_lost, *functions)).fetchone()
    if found is None:
        return None
    execution_id, count = found
    database.execute_sql(TAKE, (owner, lease_ms, task_id))
    database.execute_sql(COUNT, (1, execution_id))
    database.execute_sql(STARTED, (count + 1, task_id))
    return database.execute_sql(TAKEN, (task_id,)).fetchone()


def finish(database: Any, move: Any) -> Any:
    """(applied, attempt of the next task, now)."""
    guards = (move.execution_id, move.revision, move.history_count, move.task_id, move.attempt, move.owner)
    current = database.execute_sql(IS_CURRENT, guards).fetchone()
    following = move.next
    if current is None or (following is not None and not _is_free(database, following)):
        return None
    database.execute_sql(DONE, (move.result, move.task_id))
    database.execute_sql(TRIED, (move.task_id, move.attempt, move.owner, move.logs, current[0]))
    attempt = None if following is None else _follow(database, move, following)
    _move(database, move)
    if move.run is not None:
        database.execute_sql(TELL, values_of(move.run))
    return (True, attempt, database.execute_sql(f"SELECT {NOW}").fetchone()[0])


def _is_free(database: Any, following: Any) -> bool:
    if following.is_new:
        return True
    row = database.execute_sql("SELECT status FROM task WHERE id = ?", (following.id,)).fetchone()
    return row is not None and row[0] == "PENDING"


def _follow(database: Any, move: Any, following: Any) -> int | None:
    if following.is_new:
        made = (following.id, move.execution_id, following.number, following.entry, following.step, following.function)
        database.execute_sql(MAKE, made)
    status, owner, lease = ("IN_PROGRESS", move.owner, move.lease_ms) if following.claim else ("QUEUED", None, None)
    values = (
        following.id,
        status,
        int(following.claim),
        owner,
        following.entry,
        following.input,
        following.timeout_seconds,
        lease,
    )
    row = database.execute_sql(FOLLOW, values).fetchone()
    return row[0] if following.claim else None


def _move(database: Any, move: Any) -> None:
    database.execute_sql(MOVE, (*values_of(move.root), move.status, move.output, len(move.lines), move.execution_id))
    _write_lines(database, move.execution_id, move.history_count, move.lines)


def _write_lines(database: Any, execution_id: str, count: int, lines: Sequence[Any]) -> None:
    for place, line in enumerate(lines, start=count + 1):
        database.execute_sql(LINE, (execution_id, place, *values_of(line)))
