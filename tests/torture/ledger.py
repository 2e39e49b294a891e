"""Reads the records of a run: from the database, with statements of its own, and from the handlers' file."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

Json = Any


@dataclass(frozen=True)
class Line:
    """A line of history. ``at`` is in seconds since the epoch, here as everywhere in this folder."""

    id: int
    type: str
    at: float
    step: str | None
    details: Mapping[str, Json]


@dataclass(frozen=True)
class Attempt:
    attempt: int
    outcome: str
    error: str | None
    finished_at: float


@dataclass(frozen=True)
class Task:
    number: int
    step: str
    status: str
    attempt: int
    losses: int
    seconds: float
    """Seconds that its handler sleeps on purpose."""
    node: int
    """The number of its step in the definition."""
    waits: bool
    """True if its handler received a token: the answer to the token is the result."""
    attempts: Sequence[Attempt]


@dataclass(frozen=True)
class Record:
    """An execution with its tasks and history. ``left`` counts rows that must be gone after its end."""

    id: str
    plan: int | None
    status: str
    output: Json
    error: str | None
    cause: str | None
    history_count: int
    lines: Sequence[Line]
    tasks: Sequence[Task]
    left: int

    def lines_of(self, task: Task) -> list[Line]:
        return [line for line in self.lines if line.details.get("task") == task.number]


EXECUTIONS = """
SELECT e.id, e.status, e.output, e.error, e.cause, e.history_count, e.input, v.definition,
  (SELECT count(*) FROM timer t WHERE t.execution_id = e.id)
  + (SELECT count(*) FROM frame f WHERE f.execution_id = e.id AND e.status = 'COMPLETED')
FROM execution e JOIN version v ON v.id = e.version_id ORDER BY e.id
"""
HISTORY = "SELECT execution_id, id, type, at, step, details FROM history ORDER BY execution_id, id"
TASKS = """
SELECT execution_id, id, number, step, status, attempt, losses,
  coalesce((input::json -> 'data' ->> 'seconds')::float, 0),
  coalesce((input::json -> 'data' ->> 'node')::int, 0), token IS NOT NULL
FROM task ORDER BY id
"""
ATTEMPTS = "SELECT task_id, attempt, outcome, error, finished_at FROM attempt ORDER BY task_id, attempt"


def read(url: str) -> list[Record]:
    """Read all executions."""
    with closing(psycopg2.connect(url)) as connection:
        history = _by_first(_rows(connection, HISTORY), _line)
        attempts = _by_first(_rows(connection, ATTEMPTS), _attempt)
        tasks = _by_first(_rows(connection, TASKS), lambda row: _task(row, attempts))
        return [_record(row, history.get(row[0], ()), tasks.get(row[0], ())) for row in _rows(connection, EXECUTIONS)]


def read_effects(file: Path) -> Counter[str]:
    """The number of finished handler calls, by idempotency key."""
    lines = file.read_text().splitlines() if file.exists() else []
    return Counter(line.split(" ")[0] for line in lines)


def _rows(connection: Any, statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _by_first(rows: list[Any], make: Any) -> dict[str, list[Any]]:
    found = defaultdict(list)
    for row in rows:
        found[row[0]].append(make(row))
    return dict(found)


def _line(row: Any) -> Line:
    return Line(row[1], row[2], row[3] / 1000, row[4], json.loads(row[5]))


def _attempt(row: Any) -> Attempt:
    return Attempt(row[1], row[2], row[3], row[4] / 1000)


def _task(row: Any, attempts: Mapping[str, Sequence[Attempt]]) -> Task:
    _, identity, *own, seconds, node, waits = row
    return Task(*own, seconds, node, waits, attempts.get(identity, ()))


def _record(row: Any, lines: Sequence[Line], tasks: Sequence[Task]) -> Record:
    identity, status, output, error, cause, count, given, definition, left = row
    return Record(
        id=str(identity),
        plan=_plan(json.loads(given), json.loads(definition)),
        status=status,
        output=None if output is None else json.loads(output),
        error=error,
        cause=cause,
        history_count=count,
        lines=lines,
        tasks=tasks,
        left=left,
    )


def _plan(given: Json, definition: Json) -> int | None:
    """The number of an execution's plan: from its input or, for a flow, which has none, from its tree."""
    number = given.get("plan") or definition.get("data", {}).get("plan")
    return number if isinstance(number, int) else None
