"""Every file of ``definitions/`` runs as it says, through the whole runtime on either database."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from db.database import database
from runtime.aws import history
from runtime.aws.history import Span
from runtime.guards import TokenAnswer
from tests.runtime.conftest import *  # noqa: F403 -- the house and its databases
from tests.runtime.stage import Stage, raises, returns

Json = Any

FILES = sorted((Path(__file__).parent / "definitions").glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_definition(house: Stage, file: Path) -> None:
    case = json.loads(file.read_text())
    assert case["source"] and case["shows"]
    identity = begin(house, case)
    answers = list(case.get("tokens", ()))
    house.run()
    while answers and (waiting := [one for one in house.rows(identity) if one.status == "IN_PROGRESS" and one.token]):
        house.executions.answer(waiting[0].token, TokenAnswer(**answers.pop(0)))
        house.run()
    assert not answers, "nobody asked for these"
    ended(house, identity, case)


def begin(house: Stage, case: Json) -> str:
    for name, answers in case["functions"].items():
        house.script.let(name, *(returns(one["result"]) if "result" in one else raises(**one) for one in answers))
    house.workflows.aliases = case.get("aliases", {})
    return house.start(case["definition"], case["input"])


def ended(house: Stage, identity: str, case: Json) -> None:
    row, expected = house.execution(identity), case["expect"]
    found = {"status": row.status, "output": json.loads(row.output or "null"), "error": row.error}
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
