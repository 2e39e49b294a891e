"""Every file of ``definitions/`` runs as it says, through the whole runtime on either database."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from db.database import database
from db.models import Task
from runtime import activities
from runtime.aws import history
from runtime.aws.history import Span
from runtime.catalog import Catalog
from runtime.guards import TokenAnswer
from tests.runtime.conftest import *  # noqa: F403 -- the databases
from tests.runtime.stage import LONG_AGO, Stage, raises, returns, staged

Json = Any

FILES = sorted((Path(__file__).parent / "definitions").glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_definition(empty_url: str, tmp_path: Path, file: Path) -> None:
    case = json.loads(file.read_text())
    assert case["source"] and case["shows"]
    with staged(empty_url, tmp_path / "home", function_paths=(stubs(tmp_path / "stubs", case),)) as house:
        identity = begin(house, case)
        answers = list(case.get("tokens", ()))
        while (waiting := at_rest(house, identity, case)) and answers:
            answer(house, waiting[0], answers.pop(0))
        assert not answers, "nobody asked for these"
        ended(house, identity, case)


def stubs(root: Path, case: Json) -> Path:
    """A directory with a file for each function of a case that the house lacks; what they do, the script says."""
    (root / "steps").mkdir(parents=True)
    for name in case["functions"].keys() - Catalog.load().steps.keys():
        (root / "steps" / f"{name}.py").write_text("def handler(event, context):\n    return None\n")
    return root


def begin(house: Stage, case: Json) -> str:
    for name, answers in case["functions"].items():
        house.script.let(name, *(returns(one["result"]) if "result" in one else raises(**one) for one in answers))
    house.workflows.aliases = case.get("aliases", {})
    for key, text in case.get("artifacts", {}).items():
        file = house.runtime.settings.artifacts_dir / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name, definition in case.get("machines", {}).items():
        house.workflows.create(name, definition)
    return house.start(case["definition"], case["input"])


def at_rest(house: Stage, identity: str, case: Json) -> list[Task]:
    """The tasks that wait for somebody's answer when nothing moves by itself any more."""
    house.run()
    for activity in case.get("activities", ()):
        activities.ask(activity)
    return [one for one in house.rows(identity) if one.status == "IN_PROGRESS" and one.token]


def answer(house: Stage, row: Task, said: Json) -> None:
    """Answer a task; of one that is answered with silence, let the time for heartbeats or for all of it run out."""
    if said != "silence":
        house.executions.answer(row.token, TokenAnswer(**said))
        return
    house.set(row, **{"deadline_at" if row.beat_by is None else "beat_by": LONG_AGO})
    house.tasks.sweep()


def ended(house: Stage, identity: str, case: Json) -> None:
    row, expected = house.execution(identity), case["expect"]
    found = {"status": row.status, "output": json.loads(row.output or "null"), "error": row.error, "cause": row.cause}
    assert {name: found[name] for name in expected} == expected, row.cause
    assert dict(Counter(name for name, _ in house.script.events)) == case["calls"]
    assert house.left_open(identity) == []
    kinds = house.history(identity)
    assert kinds[0] == "ExecutionStarted"
    assert kinds[-1] == {"COMPLETED": "ExecutionSucceeded", "FAILED": "ExecutionFailed"}[row.status]
    with database.connection_context():
        events = history.page(row, "role", Span(1000, None, False), True).items
    assert [one["id"] for one in events] == list(range(1, len(kinds) + 1))


def test_there_are_definitions() -> None:
    assert FILES
