"""The results of a Map Run: the state's own result, or files that grow with the run."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread, current_thread

import pytest
from peewee import InterfaceError, OperationalError

from stepwell.db.database import database
from stepwell.db.models import MapRun
from stepwell.runtime import crashpoints
from stepwell.runtime.map_runs import pump, result_writer
from tests.runtime.maps import PASS, children, fan, listed, store, the_run
from tests.runtime.stage import Json, Stage, raises, returns, staged

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
    texts: dict[str, list[str]] = {}
    for kind, some in manifest["ResultFiles"].items():
        for one in some:
            path = root / one["Key"]
            assert path.stat().st_size == one["Size"]
            texts.setdefault(kind, []).append(path.read_text())
    return {kind: joined(some) for kind, some in texts.items()}


def joined(texts: list[str]) -> str:
    """The texts of several files as one: of JSON lists, or of lines."""
    return f"[{','.join(text[1:-1] for text in texts)}]" if texts[0].endswith("]") else "".join(texts)


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


def half_written(stage: Stage, monkeypatch: pytest.MonkeyPatch, **config: Json) -> str:
    """Starts a Map of 5 items, and writes the results of the first two. Returns the execution's id."""
    monkeypatch.setattr(pump, "WRITTEN_AT_ONCE", 2)
    identity = stage.start(listed(processor=PASS, **writer(**config)), {"items": list(range(5))})
    while the_run(stage) is None or the_run(stage).written < 2:
        stage.fire_timers()
    return identity


def test_a_piece_that_was_written_and_not_committed_is_named_nowhere(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    identity = half_written(stage, monkeypatch, Transformation="COMPACT")

    def die() -> None:
        raise KeyboardInterrupt("dead")  # not a failure of the move, which would only be put off

    crashpoints.arm("run.written", die)
    try:
        with pytest.raises(KeyboardInterrupt):
            stage.fire_timers()
    finally:
        crashpoints.disarm()
    assert len(list(store(stage).rglob("SUCCEEDED_1_*.json"))) == 1
    stage.run()
    assert json.loads(files(stage, identity)["SUCCEEDED"]) == list(range(5))
    assert len(list(store(stage).rglob("SUCCEEDED_*.json"))) == 4 and list(store(stage).rglob("*.tmp")) == []


@pytest.mark.parametrize("kind", ["JSON", "JSONL"])
def test_a_run_of_the_release_before_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str):
    identity = half_written(stage, monkeypatch, Transformation="COMPACT", OutputType=kind)
    (piece,) = store(stage).rglob("SUCCEEDED_0_*.json")
    text = piece.read_text().removesuffix("]")
    piece.with_name("SUCCEEDED_0.json").write_text(f"{text},2,broken off")
    piece.unlink()
    with database.connection_context():
        MapRun.update(sizes=json.dumps({"SUCCEEDED": len(text)})).execute()
    stage.run()
    found = files(stage, identity)["SUCCEEDED"]
    assert (json.loads(found) if kind == "JSON" else list(map(int, found.split()))) == list(range(5))


@pytest.mark.parametrize("frozen_at", [1, 2], ids=["at its piece", "at the manifest"])
def test_a_pump_that_froze_harms_nothing_that_a_later_one_committed(
    emptied_postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen_at: int
):
    """The server ends the session of a pump that is frozen, another pump ends the run, and then the first one wakes."""
    with staged(emptied_postgres, tmp_path / "home") as stage:
        overtake(stage, monkeypatch, frozen_at)


def overtake(stage: Stage, monkeypatch: pytest.MonkeyPatch, frozen_at: int) -> None:
    identity, real = half_written(stage, monkeypatch, Transformation="COMPACT"), result_writer.os.fsync
    monkeypatch.setattr(pump, "WRITTEN_AT_ONCE", 2 if frozen_at == 1 else 3)
    is_frozen, goes_on, writes = Event(), Event(), []

    def freeze(descriptor: int) -> None:
        if current_thread() is late:
            writes.append(1)
            if len(writes) == frozen_at:
                is_frozen.set()
                goes_on.wait(30)
        real(descriptor)

    def pump_late() -> None:
        with suppress(OperationalError, InterfaceError):
            stage.fire_run_timers()

    late = Thread(target=pump_late)
    monkeypatch.setattr(result_writer.os, "fsync", freeze)
    late.start()
    assert is_frozen.wait(30)
    # Another piece than the frozen one is about to put in place.
    monkeypatch.setattr(pump, "WRITTEN_AT_ONCE", 3)
    with database.connection_context():
        database.execute_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"
        )
    stage.fire_run_timers()
    assert stage.status(identity) == "COMPLETED"
    before = files(stage, identity)
    goes_on.set()
    late.join(30)
    monkeypatch.setattr(result_writer.os, "fsync", real)
    assert files(stage, identity) == before and json.loads(before["SUCCEEDED"]) == list(range(5))


def test_results_that_were_cut_meanwhile_fail_the_state(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pump, "WRITTEN_AT_ONCE", 2)
    identity = stage.start(listed(processor=PASS, **writer()), {"items": list(range(5))})
    while the_run(stage) is None or the_run(stage).written < 2:
        stage.fire_timers()
    next(store(stage).rglob("SUCCEEDED_0_*.json")).write_text("")
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
