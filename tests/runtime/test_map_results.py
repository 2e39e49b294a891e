"""The results of a Map Run: the state's own result, or files that grow with the run."""

from __future__ import annotations

import json

import pytest

from stepwell.runtime.map_runs import pump
from tests.runtime.maps import PASS, children, fan, listed, store, the_run
from tests.runtime.stage import Json, Stage, raises, returns

PUT = "arn:aws:states:::s3:putObject"


def writer(prefix: str = "res", **config: Json) -> Json:
    made = {"Resource": PUT, "Parameters": {"Bucket": "b", "Prefix": prefix}}
    return {"ResultWriter": made | ({"WriterConfig": config} if config else {})}


def files(stage: Stage, identity: str) -> dict[str, str]:
    """The texts of the files in the manifest, by kind (SUCCEEDED, FAILED)."""
    root, output = store(stage), stage.output(identity)
    assert output["ResultWriterDetails"]["Bucket"] == "b"
    manifest = json.loads((root / output["ResultWriterDetails"]["Key"]).read_text())
    assert (manifest["DestinationBucket"], manifest["MapRunArn"]) == ("b", output["MapRunArn"])
    named = {kind: file for kind, some in manifest["ResultFiles"].items() for file in some}
    assert all((root / file["Key"]).stat().st_size == file["Size"] for file in named.values())
    return {kind: (root / file["Key"]).read_text() for kind, file in named.items()}


def failing(stage: Stage, *which: int, **fields: Json) -> str:
    stage.script.let("step1", lambda event: raises("No") if event in which else returns([event, [event]]))
    identity = stage.start(listed(**fields, ToleratedFailureCount=9), {"items": [1, 2, 3]})
    stage.run()
    return identity


def test_results_may_be_written_to_files(stage: Stage):
    found = files(stage, failing(stage, 2, **writer()))
    good, bad = json.loads(found["SUCCEEDED"]), json.loads(found["FAILED"])
    assert [json.loads(one["Output"]) for one in good] == [[1, [1]], [3, [3]]]
    assert [(one["Error"], one["Input"]) for one in bad] == [("No", "2")]
    assert list(good[0]) == [
        *("ExecutionArn", "Input", "InputDetails", "Name", "Output", "OutputDetails"),
        *("RedriveCount", "RedriveStatus", "RedriveStatusReason", "StartDate", "StateMachineArn", "Status", "StopDate"),
    ]
    assert good[0]["StartDate"].endswith("Z") and good[0]["Status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"Transformation": "COMPACT"}, "[[1,[1]],[3,[3]]]"),
        ({"Transformation": "FLATTEN", "OutputType": "JSON"}, "[1,[1],3,[3]]"),
        ({"Transformation": "FLATTEN", "OutputType": "JSONL"}, "1\n[1]\n3\n[3]\n"),
        ({"Transformation": "COMPACT", "OutputType": "JSONL"}, "[1,[1]]\n[3,[3]]\n"),
    ],
)
def test_the_writer_says_what_results_look_like(stage: Stage, config: Json, text: str):
    found = files(stage, failing(stage, 2, **writer(**config)))
    assert found["SUCCEEDED"] == text
    bad = json.loads(found["FAILED"])
    assert (bad if config.get("OutputType") == "JSONL" else bad[0])["Input"] == "2"


@pytest.mark.parametrize(
    ("config", "output"),
    [
        ({"Transformation": "COMPACT"}, [[1, [1]], [2, [2]], [3, [3]]]),
        ({"Transformation": "FLATTEN"}, [1, [1], 2, [2], 3, [3]]),
        ({"Transformation": "FLATTEN", "OutputType": "JSONL"}, "1\n[1]\n2\n[2]\n3\n[3]\n"),
    ],
)
def test_without_a_place_the_results_are_the_states_own(stage: Stage, config: Json, output: Json):
    assert stage.output(failing(stage, ResultWriter={"WriterConfig": config})) == output


def test_all_that_is_known_may_be_the_states_result(stage: Stage):
    identity = failing(stage, ResultWriter={"WriterConfig": {"Transformation": "NONE"}})
    assert [one["Output"] for one in stage.output(identity)] == ["[1,[1]]", "[2,[2]]", "[3,[3]]"]


def test_what_failed_stands_in_the_result_in_its_place(stage: Stage):
    first, second, third = stage.output(failing(stage, 2))
    assert (first, third) == ([1, [1]], [3, [3]])
    assert (second["Status"], second["Error"], second["Input"]) == ("FAILED", "No", "2")


def test_files_of_no_results_are_none(stage: Stage):
    identity = stage.start(listed(**writer()), {"items": []})
    stage.run()
    assert files(stage, identity) == {}


@pytest.mark.parametrize("kind", ["JSON", "JSONL"])
def test_files_grow_piece_by_piece(stage: Stage, kind: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pump, "WRITTEN_AT_ONCE", 7)
    config = writer(Transformation="COMPACT", OutputType=kind)
    identity = stage.start(listed(processor=PASS, **config), {"items": list(range(30))})
    written = 0
    while stage.status(identity) == "IN_PROGRESS":
        stage.fire_timers()
        assert the_run(stage).written <= written + 7
        written = the_run(stage).written
    text = files(stage, identity)["SUCCEEDED"]
    found = json.loads(text) if kind == "JSON" else [json.loads(line) for line in text.splitlines()]
    assert found == list(range(30))


def test_a_piece_that_was_written_and_not_committed_is_written_over(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pump, "WRITTEN_AT_ONCE", 2)
    config = writer(Transformation="COMPACT")
    identity = stage.start(listed(processor=PASS, **config), {"items": list(range(5))})
    while the_run(stage) is None or the_run(stage).written < 2:
        stage.fire_timers()
    path = next(store(stage).rglob("SUCCEEDED_0.json"))
    with path.open("a") as file:
        file.write(",2,3,broken off")
    stage.run()
    assert json.loads(files(stage, identity)["SUCCEEDED"]) == list(range(5))


def test_results_that_were_cut_meanwhile_fail_the_state(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pump, "WRITTEN_AT_ONCE", 2)
    identity = stage.start(listed(processor=PASS, **writer()), {"items": list(range(5))})
    while the_run(stage) is None or the_run(stage).written < 2:
        stage.fire_timers()
    next(store(stage).rglob("SUCCEEDED_0.json")).write_text("")
    stage.run()
    assert stage.execution(identity).error == "States.ResultWriterFailed"


@pytest.mark.parametrize("prefix", ["../../x", "taken/x", "x" * 300])
def test_a_prefix_that_cannot_be_written_fails_the_state(stage: Stage, prefix: str):
    (store(stage) / "taken").write_text("a file")
    identity = stage.start(fan(ItemsPath="$.items", **writer(prefix)), {"items": [1]})
    stage.run()
    row = stage.execution(identity)
    assert row.error == "States.ResultWriterFailed" and row.cause
    assert stage.left_open(identity) == [] and the_run(stage).status == "FAILED"


def test_what_is_written_is_told_of_executions_in_their_order(stage: Stage):
    identity = failing(stage, **writer(Transformation="NONE"))
    entries = json.loads(files(stage, identity)["SUCCEEDED"])
    assert [one["Name"] for one in entries] == [one.id for one in children(stage)]
