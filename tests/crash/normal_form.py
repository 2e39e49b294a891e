"""The normal form of an ended execution: a disturbed run has the same one as an undisturbed run.

A crash may cost attempts. So the form leaves out LOST and RETURNED attempts, and of consecutive TaskStarted lines of
one step it keeps the first. Nothing else may differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stepwell.db.database import database
from stepwell.db.models import Execution, History, MapRun
from tests.runtime.stage import Stage

EXTRA = ("LOST", "RETURNED")

Line = tuple[str, str | None, str]
"""(frame, step, type)."""


@dataclass(frozen=True)
class NormalForm:
    status: str
    output: str | None
    error: str | None
    cause: str | None
    lines: list[Line]
    """Sorted by frame, since branches have no order among each other. Within a frame, in the order of the history."""
    tasks: list[tuple[str, str, str | None, int]]
    attempts: list[tuple[int, str]]
    runs: list[tuple[str, int, int, int, int, int]]
    """The status and the counts (items and executions) of each Map Run."""
    children: list[NormalForm]
    """The normal forms of the Map Runs' child executions, in the order of their items."""
    files: list[str]
    """The contents of the Map Runs' result files."""


def normal_form(stage: Stage, identity: str) -> NormalForm:
    """The normal form of an ended execution. Checks that its history and attempts have no gap and nothing is open."""
    stage.history(identity)
    assert stage.left_open(identity) == []
    claims = [(place, n) for place, one in enumerate(stage.rows(identity), start=1) for n in range(1, one.attempt + 1)]
    assert [(place, number) for place, number, _ in stage.attempts(identity)] == claims
    row = stage.execution(identity)
    with database.connection_context():
        runs = list(MapRun.select().where(MapRun.execution_id == identity).order_by(MapRun.id))
    return NormalForm(
        status=row.status,
        output=_without_ids(row.output, runs),
        error=row.error,
        cause=row.cause,
        lines=sorted(_once_started(lines_of(identity)), key=lambda line: line[0]),
        tasks=[(one.step, one.status, one.result, one.retries) for one in stage.rows(identity)],
        attempts=[(place, outcome) for place, _, outcome in stage.attempts(identity) if outcome not in EXTRA],
        runs=[(one.status, one.total, one.begun, one.open, one.succeeded, one.failed) for one in runs],
        children=[normal_form(stage, child) for run in runs for child in _children(run)],
        files=[path.read_text() for run in runs for path in _files(stage, run)],
    )


def _children(run: MapRun) -> list[str]:
    with database.connection_context():
        found = list(Execution.select().where(Execution.parent.startswith(f"run:{run.id}:")))
    return [child.id for child in sorted(found, key=lambda child: int(child.parent.rpartition(":")[2]))]


def _files(stage: Stage, run: MapRun) -> list[Path]:
    """The files in the manifest. A pump that died before its commit may leave others, which nobody reads."""
    store = stage.runtime.settings.artifacts_dir
    manifest = store / f"results/{run.id}/manifest.json"
    if not manifest.exists():
        return []
    return [store / one["Key"] for some in json.loads(manifest.read_text())["ResultFiles"].values() for one in some]


def _without_ids(text: str | None, runs: list[MapRun]) -> str | None:
    for run in runs if text is not None else ():
        text = text.replace(str(run.id), "RUN")
    return text


def lines_of(identity: str) -> list[Line]:
    """The history as it is now, also of a running execution."""
    with database.connection_context():
        found = History.select().where(History.execution_id == identity).order_by(History.id)
        return [(line.frame, line.step, line.type) for line in found]


def _once_started(lines: Iterable[Line]) -> Iterator[Line]:
    """Drop each TaskStarted line that directly follows another of its step."""
    last: dict[tuple[str, str | None], str] = {}
    for frame, step, kind in lines:
        if kind != "TaskStarted" or last.get((frame, step)) != kind:
            yield frame, step, kind
        last[frame, step] = kind
