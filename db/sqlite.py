"""SQLite's form of the hot statements: the same guards, as a few statements inside the caller's short transaction.

That transaction is the only one that writes, so nothing is locked here: a SELECT's finding stays true until the
commit. ``:name`` stands for a parameter: ``numbered`` gives it its place in the values, as in ``postgresql``.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from stepwell.db.database import database
from stepwell.db.parents import is_wanted
from stepwell.db.statements import CLAIMED, assigned, columns, names, nulls, numbered, parameters, values_of
from stepwell.db.values import (
    FREED,
    OFTEN_LOST,
    Finish,
    HistoryLine,
    NewExecution,
    NewFrame,
    NewTask,
    NextTask,
    Root,
    RunWakeUp,
    Start,
)

NOW = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"

FUNCTION = "substr(t.function, 1, instr(t.function || '::', '::') - 1)"
"""A task's function without the version or alias that may stand behind it."""
# The guards of PostgreSQL's "x" and "cur". One SELECT is enough: this transaction is the only writer.
CLAIMABLE = f"""
SELECT t.execution_id, e.history_count FROM task t JOIN execution e ON e.id = t.execution_id
WHERE t.id = ? AND t.status = 'QUEUED' AND e.status = 'IN_PROGRESS' AND NOT e.paused AND {is_wanted("e")}
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
# The core decided on this revision and this history, for this claim: a change of one of them refuses the move.
IS_CURRENT = """
SELECT t.started_at FROM task t JOIN execution e ON e.id = t.execution_id
WHERE e.id = ? AND e.revision = ? AND e.history_count = ? AND e.status = 'IN_PROGRESS' AND NOT e.paused
  AND t.id = ? AND t.attempt = ? AND t.owner = ? AND t.status = 'IN_PROGRESS'
"""
WAITING = """
WITH w(id, overtaken_by) AS (VALUES {})
SELECT t.id, t.workflow_id FROM w JOIN task t ON t.id IN (
  SELECT q.id FROM task q WHERE q.status = 'QUEUED' AND q.workflow_id = w.id
    AND q.queued_at <= {bound} - ? ORDER BY q.queued_at LIMIT ?) ORDER BY t.queued_at
"""
GOES_ON = "SELECT 1 FROM map_run WHERE id = ? AND status = 'RUNNING'"
DONE = f"""
UPDATE task SET status = 'COMPLETED', result = ?, error = NULL, cause = NULL, finished_at = {NOW},
  {nulls(FREED)} WHERE id = ?
"""
TRIED = f"""
INSERT INTO attempt (task_id, attempt, owner, outcome, logs, started_at, finished_at)
VALUES (?, ?, ?, 'COMPLETED', ?, ?, {NOW})
"""
# The planned row of the following task, or the one that MAKE has just inserted: claimed at once, or queued.
FOLLOW = numbered(
    f"""
UPDATE task SET status = :status, attempt = attempt + :claim, owner = :owner, entry = :entry, input = :input,
  queued_at = {NOW}, timeout_seconds = :timeout_seconds, visit = :visit, lease_until = {NOW} + :lease_ms,
  started_at = CASE WHEN :claim THEN {NOW} END,
  deadline_at = CASE WHEN :claim THEN {NOW} + CAST(:timeout_seconds * 1000 AS INTEGER) END
WHERE id = :id RETURNING attempt
""",
    ("id", "entry", "input", "timeout_seconds", "visit", "status", "claim", "owner", "lease_ms"),
    "?",
)
MAKE = f"""
INSERT INTO task (execution_id, workflow_id, id, number, step, function, frame, entry, status, attempt, retries, losses,
  data, created_at) VALUES (?, ?, ?, ?, ?, ?, '', 0, 'PENDING', 0, 0, 0, 'null', {NOW})
"""
MOVE = numbered(
    f"""
UPDATE execution SET {assigned({name: f":{name}" for name in names(Root)})}, status = :status, output = :output,
  revision = revision + 1, history_count = history_count + :lines,
  finished_at = CASE WHEN :status <> 'IN_PROGRESS' THEN {NOW} END WHERE id = :id
""",
    (*names(Root), "status", "output", "lines", "id"),
    "?",
)
HEARTBEAT = f"""
UPDATE task SET lease_until = {NOW} + ? WHERE owner = ? AND status = 'IN_PROGRESS' AND (id, attempt) IN (VALUES {{}})
RETURNING id, attempt
"""
# The first statement of a start: of two starts with one key the second finds the row, and writes nothing.
KEEP = """
INSERT INTO start_key (key, body_hash, execution_id, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1
"""
BEGIN = numbered(
    f"""
INSERT INTO execution ({columns(NewExecution, Root)}, paused, revision, history_count, finished_at)
VALUES ({parameters(NewExecution, Root)}, 0, 0, :lines, CASE WHEN :status <> 'IN_PROGRESS' THEN {NOW} END)
""",
    (*names(NewExecution), *names(Root), "lines"),
    "?",
)
NEW_TASK = numbered(
    f"""
INSERT INTO task (execution_id, workflow_id, {columns(NewTask)}, attempt, retries, losses, created_at,
  queued_at, finished_at, deadline_at)
VALUES (:execution_id, :workflow_id, {parameters(NewTask)}, 0, 0, 0, {NOW},
  CASE WHEN :status = 'QUEUED' THEN {NOW} END, CASE WHEN :status = 'CANCELLED' THEN {NOW} END,
  CASE WHEN :status = 'IN_PROGRESS' THEN {NOW} + CAST(:timeout_seconds * 1000 AS INTEGER) END)
""",
    ("execution_id", "workflow_id", *names(NewTask)),
    "?",
)
NEW_FRAME = numbered(
    f"INSERT INTO frame (execution_id, {columns(NewFrame)}) VALUES (:execution_id, {parameters(NewFrame)})",
    ("execution_id", *names(NewFrame)),
    "?",
)
NEW_TIMER = f"""
INSERT INTO timer (execution_id, frame, entry, number, kind, due_at) VALUES (?, ?, ?, ?, ?, {NOW} + ?)
"""
# The same child may report its end twice; one wake-up serves both.
WAKE_RUN = numbered(
    f"""
INSERT INTO timer (execution_id, frame, entry, number, kind, due_at)
SELECT execution_id, frame, entry, :number, :kind, {NOW} FROM map_run WHERE id = :run AND status = 'RUNNING'
ON CONFLICT DO NOTHING
""",
    names(RunWakeUp),
    "?",
)
LINE = numbered(
    f"""
INSERT INTO history (execution_id, id, at, {columns(HistoryLine)})
VALUES (:execution_id, :id, {NOW}, {parameters(HistoryLine)})
""",
    ("execution_id", "id", *names(HistoryLine)),
    "?",
)


def start(begin: Start) -> bool:
    """Write an execution with all it begins with. False if its key is taken; nothing is written then."""
    row = begin.execution
    if begin.key is not None:
        kept = (*values_of(begin.key), row.id, row.created_at)
        if database.execute_sql(KEEP, kept).fetchone() is None:
            return False
    database.execute_sql(BEGIN, (*values_of(row), *values_of(begin.root), len(begin.lines)))
    for task in begin.tasks:
        database.execute_sql(NEW_TASK, (row.id, row.workflow_id, *values_of(task)))
    rows: tuple[tuple[str, Sequence[Any]], ...] = (
        (NEW_FRAME, begin.frames),
        (NEW_TIMER, begin.timers),
    )
    for statement, some in rows:
        for one in some:
            database.execute_sql(statement, (row.id, *values_of(one)))
    _write_lines(row.id, 0, begin.lines)
    return True


def claim(task_id: str, owner: str, lease_ms: int, functions: Sequence[str], often_lost: bool) -> Sequence[Any] | None:
    """Take a task and return its claim's row. None if it cannot be claimed."""
    places = ", ".join("?" * len(functions))
    found = database.execute_sql(CLAIMABLE.format(places), (task_id, often_lost, *functions)).fetchone()
    if found is None:
        return None
    execution_id, count = found
    database.execute_sql(TAKE, (owner, lease_ms, task_id))
    database.execute_sql(COUNT, (1, execution_id))
    database.execute_sql(STARTED, (count + 1, task_id))
    row: Sequence[Any] = database.execute_sql(TAKEN, (task_id,)).fetchone()
    return row


def finish(move: Finish) -> tuple[bool, int | None, int] | None:
    """Write a move: (True, the next task's attempt if it was claimed, the time). None if a guard refused it."""
    guards = (move.execution_id, move.revision, move.history_count, move.task_id, move.attempt, move.owner)
    current = database.execute_sql(IS_CURRENT, guards).fetchone()
    # Both guards before the first change: on a refusal the transaction commits nothing.
    if current is None or (move.next is not None and not _may_follow(move.next, move.run_id)):
        return None
    database.execute_sql(DONE, (move.result, move.task_id))
    database.execute_sql(TRIED, (move.task_id, move.attempt, move.owner, move.logs, current[0]))
    # No order of locks to keep here: SQLite locks the whole file.
    attempt = None if move.next is None else _follow(move, move.next)
    database.execute_sql(MOVE, (*values_of(move.root), move.status, move.output, len(move.lines), move.execution_id))
    _write_lines(move.execution_id, move.history_count, move.lines)
    if move.wakes is not None:
        database.execute_sql(WAKE_RUN, values_of(move.wakes))
    return (True, attempt, database.execute_sql(f"SELECT {NOW}").fetchone()[0])


def _may_follow(following: NextTask, run: str | None) -> bool:
    if following.claim and run is not None and database.execute_sql(GOES_ON, (run,)).fetchone() is None:
        return False
    if following.is_new:
        return True
    row = database.execute_sql("SELECT status FROM task WHERE id = ?", (following.task.id,)).fetchone()
    # Any other status means that a cancellation or a redrive has changed the plan since the core decided.
    return row is not None and row[0] == "PENDING"


def _follow(move: Finish, following: NextTask) -> int | None:
    if following.is_new:
        made = following.task
        database.execute_sql(MAKE, (move.execution_id, made.workflow_id, *_made(made)))
    held = ("IN_PROGRESS", 1, move.owner, move.lease_ms) if following.claim else ("QUEUED", 0, None, None)
    row = database.execute_sql(FOLLOW, (*_changed(following.task), *held)).fetchone()
    return row[0] if following.claim else None


_made = attrgetter("id", "number", "step", "function")
_changed = attrgetter("id", "entry", "input", "timeout_seconds", "visit")


def _write_lines(execution_id: str, count: int, lines: Sequence[HistoryLine]) -> None:
    for place, line in enumerate(lines, start=count + 1):
        database.execute_sql(LINE, (execution_id, place, *values_of(line)))
