"""Every file of ``definitions/`` runs on each database, with the calls and results that it expects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepwell.db.database import database
from stepwell.runtime.aws.step_functions import history
from stepwell.runtime.aws.step_functions.history import Span
from tests.asl.play import called, compare, play, put_stubs, stage_for, started
from tests.runtime.conftest import *  # noqa: F403 -- the fixtures of its databases
from tests.runtime.stage import Stage

Json = Any

FILES = sorted((Path(__file__).parent / "definitions").glob("*.json"))
CASES = {file.stem: json.loads(file.read_text()) for file in FILES}
SOURCES = ("https://docs.aws.amazon.com/", "https://github.com/aws-samples/", "https://github.com/awsdocs/")
ENDS = {"COMPLETED": "ExecutionSucceeded", "FAILED": "ExecutionFailed"}
SAID = {"COMPLETED": {"status", "output"}, "FAILED": {"status", "error", "cause"}}


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the functions of all cases."""
    root = tmp_path_factory.mktemp("stubs")
    put_stubs(root, CASES.values())
    return root


@pytest.mark.parametrize("name", CASES)
def test_definition(empty_url: str, tmp_path: Path, stubs: Path, name: str) -> None:
    case = CASES[name]
    with stage_for(case, empty_url, tmp_path / "home", stubs) as stage:
        identity = stage.start(case["definition"], case["input"])
        play(stage, case)
        ended(stage, identity, case["expect"])
        compare(case["calls"], counted(called(stage), case["calls"]))
        compare(case.get("started", {}), started(stage))
        compare_files(stage, case.get("written", {}))


def ended(stage: Stage, identity: str, expected: Json) -> None:
    row = stage.execution(identity)
    found = {"status": row.status, "output": json.loads(row.output or "null"), "error": row.error, "cause": row.cause}
    compare(expected, {name: found[name] for name in expected})
    assert stage.left_open(identity) == []
    kinds = stage.history(identity)
    assert (kinds[0], kinds[-1]) == ("ExecutionStarted", ENDS[row.status])
    with database.connection_context():
        events = history.page(row, "role", Span(1000, None, False), True).items
    assert [one["id"] for one in events] == list(range(1, len(kinds) + 1))


def counted(calls: dict[str, list[Json]], wanted: Json) -> Json:
    """The calls in the file's form: for each function its events, or only their number."""
    return {name: len(got) if isinstance(wanted.get(name), int) else got for name, got in calls.items()}


def compare_files(stage: Stage, wanted: Json) -> None:
    """Compares the JSON of artifacts with these file names, or patterns. Each must belong to exactly one artifact."""
    for name, content in wanted.items():
        (path,) = stage.runtime.settings.artifacts_dir.rglob(name)
        compare(content, json.loads(path.read_text()), name)


def test_there_are_fifty_of_them_and_half_tell_what_each_function_got() -> None:
    assert len(CASES) >= 50
    assert sum(any(isinstance(got, list) for got in one["calls"].values()) for one in CASES.values()) * 2 >= len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_each_says_what_it_follows_and_how_it_ends(name: str) -> None:
    case = CASES[name]
    assert case["source"].startswith(SOURCES) and case["shows"]
    assert set(case["expect"]) == SAID[case["expect"]["status"]]


def test_none_is_there_twice() -> None:
    definitions = [json.dumps(one["definition"], sort_keys=True) for one in CASES.values()]
    assert len(set(definitions)) == len(definitions)
