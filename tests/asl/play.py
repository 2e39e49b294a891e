"""Plays one file of ``definitions/``: its stubs, artifacts, other state machines, and answers to tokens."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Execution, Task, Timer
from stepwell.runtime.engine.definition.resources import SYNC
from stepwell.runtime.engine.values.statuses import TaskStatus
from stepwell.runtime.moves import polled_tasks
from stepwell.runtime.moves.guards import TaskAnswer
from tests.runtime.stage import LONG_AGO, Stage, raises, returns, staged

Json = Any

ANY = "<any>"
NO_ANSWER = "silence"
ACTIVITY = "activity:"
STUB = '"""Says what the case says."""\n\n\ndef handler(event, context):\n    return event\n'


def put_stubs(root: Path, cases: Iterable[Json]) -> None:
    """Writes a file for each function in these cases into ``root``, a folder of user functions."""
    for name in {name for case in cases for name in case["functions"]}:
        put(root / "steps" / f"{name}.py", STUB)


@contextmanager
def stage_for(case: Json, url: str, home: Path, stubs: Path) -> Iterator[Stage]:
    """A stage with the stubs, and with the case's resource aliases, artifacts and other state machines."""
    with staged(url, home, function_paths=(stubs,), resource_aliases=case.get("aliases", {})) as stage:
        for name, answers in case["functions"].items():
            stage.script.let(name, *(returns(one["result"]) if "result" in one else raises(**one) for one in answers))
        for key, text in case.get("files", {}).items():
            put(stage.runtime.settings.artifacts_dir / key, text)
        for name in re.findall(r":activity:([^\"]+)", json.dumps(case["definition"])):
            stage.make_activity(name)
        for name, definition in case.get("machines", {}).items():
            stage.workflows.create(name, definition)
        yield stage


def put(path: Path, text: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))


def play(stage: Stage, case: Json) -> None:
    """Runs everything. When all tasks wait, sends the next answer, or lets time pass. Every answer must be used."""
    answers = list(case.get("tokens", ()))
    while True:
        while ready := stage.take_queued():
            for task_id in ready:
                stage.work.run(task_id)
        waiting = waiting_tasks() if answers else []
        said = answers.pop(0) if waiting else NO_ANSWER
        if said != NO_ANSWER:
            answer(stage, waiting[0], said)
        elif not let_time_pass(stage):
            break
    stage.stop_orphans()
    assert not answers, "no task waited for these"


def waiting_tasks() -> list[Task]:
    """The open tasks with a token, oldest first, except those that wait for another execution."""
    conditions = Task.status == TaskStatus.IN_PROGRESS, Task.token.is_null(False), Task.function.not_in(SYNC)
    with database.connection_context():
        found = Task.select().where(*conditions)
        return list(found.order_by(Task.created_at, Task.execution_id, Task.number))


def answer(stage: Stage, task: Task, said: Json) -> None:
    """Ends a task as its worker would. For an activity it polls the task first."""
    if task.function.startswith(ACTIVITY):
        given = polled_tasks.poll(task.function.removeprefix(ACTIVITY))
        assert given is not None and given.token == task.token
        stage.script.events.append((task.function, json.loads(given.input)))
    stage.executions.answer(task.token, TaskAnswer(**said))


def let_time_pass(stage: Stage) -> bool:
    """Makes the next timer, time-out or missed heartbeat happen; returns False if none is left.

    Every later one comes nearer by the same amount, so their order stays.
    """
    limits = {"beat_by": Task.beat_by, "deadline_at": Task.deadline_at}
    with database.connection_context():
        timers = [one.due_at for one in Timer.select()]
        tasks = list(Task.select().where(Task.status == TaskStatus.IN_PROGRESS))
        ends = [getattr(one, name) for one in tasks for name in limits]
        if not (due := [one for one in [*timers, *ends] if one is not None]):
            return False
        nearer = max(min(due) - now_ms(), 0) + 1
        Timer.update(due_at=Timer.due_at - nearer).execute()
        for name, column in limits.items():
            Task.update(**{name: column - nearer}).where(column.is_null(False)).execute()
            Task.update(**{name: LONG_AGO}).where(column <= now_ms()).execute()
    for timer in stage.timers(Timer.due_at <= queries.clock_sql()):
        stage.executions.fire(timer)
    stage.tasks.sweep()
    return True


def now_ms() -> int:
    return int(database.execute_sql(f"SELECT {queries.clock()}").fetchone()[0])


def called(stage: Stage) -> dict[str, list[Json]]:
    """The events of each function, call by call."""
    found: dict[str, list[Json]] = {}
    for name, event in stage.script.events:
        found.setdefault(name, []).append(event)
    return found


def compare(wanted: Json, found: Json, place: str = "") -> None:
    """Fails unless both are equal. ``<any>`` matches any value that is not empty, for values that differ per run."""
    if wanted == ANY:
        assert found not in (None, "", [], {}), place
    elif isinstance(wanted, dict) and isinstance(found, dict):
        assert wanted.keys() == found.keys(), place
        for name, value in wanted.items():
            compare(value, found[name], f"{place}/{name}")
    elif isinstance(wanted, list) and isinstance(found, list):
        assert len(wanted) == len(found), f"{place}: {found}"
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            compare(one, other, f"{place}/{number}")
    else:
        assert json.dumps(wanted) == json.dumps(found), place


def started(stage: Stage) -> dict[str, dict[str, int]]:
    """The number of executions by status, for each other machine and each Map (as ``play/LABEL``)."""
    with database.connection_context():
        rows = list(Execution.select().order_by(Execution.id))
    found: dict[str, Counter[str]] = {}
    for row in rows[1:]:
        found.setdefault(row.workflow, Counter())[row.status] += 1
    return {name: dict(counts) for name, counts in found.items()}
