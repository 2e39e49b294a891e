"""The child executions of a Map Run: their input, their kind, their end, and their parent's end."""

from __future__ import annotations

import json
import os
import time

import pytest

from stepwell.db.values import DueTimer
from stepwell.runtime.express_machines import EXPRESS_FUNCTION
from stepwell.runtime.map_runs import pump
from stepwell.runtime.tasks import start_execution
from tests.runtime.maps import OBJECT, PASS, children, echo, fan, listed, reading, store, the_run
from tests.runtime.stage import Json, Stage, machine, raises

SELECTOR = {
    "i.$": "$$.Map.Item.Index",
    "v.$": "$$.Map.Item.Value",
    "s.$": "$$.Map.Item.Source",
}


def begun(stage: Stage, definition: Json, given: Json = None) -> str:
    identity = stage.start(definition, given)
    stage.fire_timers()
    return identity


def test_an_item_is_told_where_it_comes_from(stage: Stage):
    echo(stage)
    identity = stage.start(listed(ItemSelector=SELECTOR), {"items": ["a"]})
    stage.run()
    assert stage.output(identity) == [{"got": {"i": 0, "v": "a", "s": "STATE_DATA"}}]
    (store(stage) / "x.jsonl").write_text("1\n2")
    definition = reading("x.jsonl", InputType="JSONL")
    definition["States"]["all"]["ItemSelector"] = SELECTOR
    identity = stage.start(definition)
    stage.run()
    assert [one["got"]["s"] for one in stage.output(identity)] == ["S3://b/x.jsonl"] * 2


@pytest.mark.parametrize("language", ["JSONPath", "JSONata"])
def test_the_members_of_an_object_may_be_the_items(stage: Stage, language: str):
    items: Json = {"ItemsPath": "$.items"}
    selector: Json = {**SELECTOR, "k.$": "$$.Map.Item.Key"}
    if language == "JSONata":
        names = {"i": "Index", "v": "Value", "s": "Source", "k": "Key"}
        selector = {key: f"{{% $states.context.Map.Item.{name} %}}" for key, name in names.items()}
        items = {"Items": "{% $states.input.items %}", "QueryLanguage": "JSONata"}
    identity = stage.start(fan(processor=PASS, ItemSelector=selector, **items), {"items": {"a": 1, "b": [2]}})
    stage.run()
    assert stage.output(identity) == [
        {"i": 0, "v": 1, "s": "STATE_DATA", "k": "a"},
        {"i": 1, "v": [2], "s": "STATE_DATA", "k": "b"},
    ]
    identity = stage.start(fan(processor=PASS, **items), {"items": {"a": 1}})
    stage.run()
    assert stage.output(identity) == [{"Key": "a", "Value": 1}]


def test_the_number_of_items_may_be_a_path(stage: Stage):
    (store(stage) / "x.json").write_text("[1, 2, 3]")
    definition = reading("x.json", InputType="JSON", MaxItemsPath="$.most")
    definition["States"]["all"]["ItemProcessor"] |= PASS
    identity = stage.start(definition, {"most": 2})
    stage.run()
    assert stage.output(identity) == [1, 2] and the_run(stage).total == 2


@pytest.mark.parametrize(("bound", "most"), [("COUNTED_AT_ONCE", 10), ("COUNTED_BYTES", 19)])
def test_a_long_file_is_counted_in_pieces(stage: Stage, bound: str, most: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pump, bound, most)
    (store(stage) / "x.jsonl").write_text("1\n" * 25)
    definition = reading("x.jsonl", InputType="JSONL")
    definition["States"]["all"]["ItemProcessor"] |= PASS
    identity = begun(stage, definition)
    counts = [the_run(stage).total]
    while the_run(stage).unread is not None:
        assert the_run(stage).begun == 0
        stage.fire_timers()
        counts.append(the_run(stage).total)
    stage.run()
    assert counts == [10, 20, 25] and stage.output(identity) == [1] * 25


def test_a_file_that_breaks_off_behind_the_first_piece_fails_the_state_before_anything_begins(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pump, "COUNTED_AT_ONCE", 2)
    (store(stage) / "x.jsonl").write_text("1\n2\n3\n{")
    identity = stage.start(reading("x.jsonl", InputType="JSONL"))
    stage.run()
    row = stage.execution(identity)
    assert row.error == "States.ItemReaderFailed" and "is no JSON" in row.cause
    assert children(stage) == [] and the_run(stage).status == "FAILED"


def test_an_item_that_no_input_can_hold_fails_the_state(stage: Stage):
    (store(stage) / "x.jsonl").write_text(json.dumps("x" * 300_000))
    definition = reading("x.jsonl", InputType="JSONL")
    identity = stage.start(definition)
    stage.run()
    assert stage.execution(identity).error == "States.DataLimitExceeded" and stage.left_open(identity) == []
    definition["States"]["all"]["ItemSelector"] = {"n": 1}
    identity = stage.start(definition)
    stage.run()
    assert stage.status(identity) == "COMPLETED"


def test_an_express_execution_is_one_task(stage: Stage):
    echo(stage)
    two = machine(first={"Type": "Pass"}, item={"Type": "Task", "Resource": "step1"})
    identity = stage.start(listed(processor=two, kind="EXPRESS"), {"items": [1, 2]})
    stage.run()
    assert stage.output(identity) == [{"got": 1}, {"got": 2}]
    for child in children(stage):
        assert [(one.function, one.timeout_seconds) for one in stage.rows(child.id)] == [(EXPRESS_FUNCTION, 300)]


def test_an_express_execution_that_fails_is_counted_as_any(stage: Stage):
    stage.script.let("step1", raises("No", "why"))
    identity = stage.start(listed(kind="EXPRESS", ToleratedFailureCount=1), {"items": [1]})
    stage.run()
    (failed,) = stage.output(identity)
    assert (failed["Error"], failed["Cause"], the_run(stage).failed) == ("No", "why", 1)


def test_a_version_may_turn_its_executions_express(stage: Stage):
    for kind, functions in (("STANDARD", ["step1"]), ("EXPRESS", [EXPRESS_FUNCTION]), ("STANDARD", ["step1"])):
        stage.start(listed(kind=kind), {"items": [1]})
        stage.run()
        assert [one.function for one in stage.rows(children(stage)[-1].id)] == functions


def test_one_that_is_stopped_by_hand_counts_as_failed(stage: Stage):
    identity = begun(stage, listed(ToleratedFailureCount=1), {"items": [1, 2]})
    stage.executions.cancel(children(stage)[0].id)
    stage.run()
    run = the_run(stage)
    assert (run.status, run.succeeded, run.failed, run.open) == ("SUCCEEDED", 1, 1, 0)
    assert [one["Status"] if isinstance(one, dict) else one for one in stage.output(identity)] == ["ABORTED", "step1"]


@pytest.mark.parametrize("ending", ["cancel", "time out", "a branch beside it"])
def test_a_parent_that_ends_takes_its_executions_with_it(stage: Stage, ending: str):
    definition = {**listed(), "TimeoutSeconds": 60}
    if ending == "a branch beside it":
        failing = machine(no={"Type": "Fail", "Error": "No"})
        wait = machine(wait={"Type": "Wait", "Seconds": 30}, no=failing["States"]["no"])
        definition = machine(both={"Type": "Parallel", "Branches": [listed(), wait]})
    identity = stage.start(definition, {"items": [1, 2]})
    for timer in due(stage, identity, kind="run"):
        stage.executions.fire(timer)
    assert len(children(stage)) == 2
    if ending == "cancel":
        stage.executions.cancel(identity)
    else:
        stage.fire_timers()
    assert stage.status(identity) in ("CANCELLED", "TIMED_OUT", "FAILED")
    assert the_run(stage).status == "ABORTED" and stage.left_open(identity) == []
    stage.stop_orphans()
    assert {one.status for one in children(stage)} == {"CANCELLED"}


def due(stage: Stage, identity: str, kind: str) -> list[DueTimer]:
    return [
        DueTimer(one.execution_id, one.frame, one.entry, one.number, one.kind)
        for one in stage.left_open(identity)
        if getattr(one, "kind", None) == kind
    ]


def test_what_was_listed_for_a_run_that_was_aborted_is_cleared_away_later(stage: Stage):
    root = store(stage)
    (root / "in-1").write_text("x")
    reader = {"Resource": OBJECT.replace("getObject", "listObjectsV2"), "Parameters": {"Bucket": "b", "Prefix": "in-"}}
    identity = begun(stage, fan(ItemReader=reader))
    stage.executions.cancel(identity)
    (left,) = root.glob(".*.listing")
    long_ago = time.time() - 16 * 24 * 3600
    os.utime(left, (long_ago, long_ago))
    identity = stage.start(fan(ItemReader=reader))
    stage.run()
    assert stage.status(identity) == "COMPLETED" and list(root.glob(".*.listing")) == []


def test_large_items_are_begun_a_few_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pump, "BYTES_AT_ONCE", 25)
    (store(stage) / "x.jsonl").write_text('"12345678"\n' * 7)
    identity = begun(stage, reading("x.jsonl", InputType="JSONL"))
    assert len(children(stage)) == 3
    stage.run()
    assert stage.output(identity) == ["step1"] * 7 and the_run(stage).begun == 7


def test_those_that_nobody_waits_for_are_found_behind_however_many_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(start_execution, "LOOKED_AT", 3)
    begun(stage, listed(), {"items": list(range(40))})
    others = {one.id for one in children(stage)}
    identity = begun(stage, listed(), {"items": [1, 2]})
    stage.executions.cancel(identity)
    for _ in range(42 // 3 + 2):
        stage.stop_orphans()
    assert [one.status for one in children(stage) if one.id not in others] == ["CANCELLED"] * 2
    assert {one.status for one in children(stage) if one.id in others} == {"IN_PROGRESS"}
