"""The child executions of a Map Run: their input, their kind, their end, and their parent's end."""

from __future__ import annotations

import json
import os
import time

import pytest

from stepwell.db.values import DueTimer
from stepwell.runtime.express import EXPRESS_FUNCTION
from stepwell.runtime.map_runs import pump
from stepwell.runtime.tasks import start_execution
from tests.runtime.maps import OBJECT, PASS, children, echo, fan, listed, reading, store, the_run
from tests.runtime.stage import Json, Stage, machine, raises

SELECTOR = {
    "i.$": "$$.Map.Item.Index",
    "v.$": "$$.Map.Item.Value",
    "s.$": "$$.Map.Item.Source",
}


def begun(house: Stage, definition: Json, given: Json = None) -> str:
    identity = house.start(definition, given)
    house.fire_timers()
    return identity


def test_an_item_is_told_where_it_comes_from(house: Stage):
    echo(house)
    identity = house.start(listed(ItemSelector=SELECTOR), {"items": ["a"]})
    house.run()
    assert house.output(identity) == [{"got": {"i": 0, "v": "a", "s": "STATE_DATA"}}]
    (store(house) / "x.jsonl").write_text("1\n2")
    definition = reading("x.jsonl", InputType="JSONL")
    definition["States"]["all"]["ItemSelector"] = SELECTOR
    identity = house.start(definition)
    house.run()
    assert [one["got"]["s"] for one in house.output(identity)] == ["S3://b/x.jsonl"] * 2


@pytest.mark.parametrize("language", ["JSONPath", "JSONata"])
def test_the_members_of_an_object_may_be_the_items(house: Stage, language: str):
    items: Json = {"ItemsPath": "$.items"}
    selector: Json = {**SELECTOR, "k.$": "$$.Map.Item.Key"}
    if language == "JSONata":
        names = {"i": "Index", "v": "Value", "s": "Source", "k": "Key"}
        selector = {key: f"{{% $states.context.Map.Item.{name} %}}" for key, name in names.items()}
        items = {"Items": "{% $states.input.items %}", "QueryLanguage": "JSONata"}
    identity = house.start(fan(processor=PASS, ItemSelector=selector, **items), {"items": {"a": 1, "b": [2]}})
    house.run()
    assert house.output(identity) == [
        {"i": 0, "v": 1, "s": "STATE_DATA", "k": "a"},
        {"i": 1, "v": [2], "s": "STATE_DATA", "k": "b"},
    ]
    identity = house.start(fan(processor=PASS, **items), {"items": {"a": 1}})
    house.run()
    assert house.output(identity) == [{"Key": "a", "Value": 1}]


def test_the_number_of_items_may_be_a_path(house: Stage):
    (store(house) / "x.json").write_text("[1, 2, 3]")
    definition = reading("x.json", InputType="JSON", MaxItemsPath="$.most")
    definition["States"]["all"]["ItemProcessor"] |= PASS
    identity = house.start(definition, {"most": 2})
    house.run()
    assert house.output(identity) == [1, 2] and the_run(house).total == 2


@pytest.mark.parametrize(("bound", "most"), [("COUNTED_AT_ONCE", 10), ("COUNTED_BYTES", 19)])
def test_a_long_file_is_counted_in_pieces(house: Stage, bound: str, most: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pump, bound, most)
    (store(house) / "x.jsonl").write_text("1\n" * 25)
    definition = reading("x.jsonl", InputType="JSONL")
    definition["States"]["all"]["ItemProcessor"] |= PASS
    identity = begun(house, definition)
    counts = [the_run(house).total]
    while the_run(house).unread is not None:
        assert the_run(house).begun == 0
        house.fire_timers()
        counts.append(the_run(house).total)
    house.run()
    assert counts == [10, 20, 25] and house.output(identity) == [1] * 25


def test_a_file_that_breaks_off_behind_the_first_piece_fails_the_state_before_anything_begins(
    house: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pump, "COUNTED_AT_ONCE", 2)
    (store(house) / "x.jsonl").write_text("1\n2\n3\n{")
    identity = house.start(reading("x.jsonl", InputType="JSONL"))
    house.run()
    row = house.execution(identity)
    assert row.error == "States.ItemReaderFailed" and "is no JSON" in row.cause
    assert children(house) == [] and the_run(house).status == "FAILED"


def test_an_item_that_no_input_can_hold_fails_the_state(house: Stage):
    (store(house) / "x.jsonl").write_text(json.dumps("x" * 300_000))
    definition = reading("x.jsonl", InputType="JSONL")
    identity = house.start(definition)
    house.run()
    assert house.execution(identity).error == "States.DataLimitExceeded" and house.left_open(identity) == []
    definition["States"]["all"]["ItemSelector"] = {"n": 1}
    identity = house.start(definition)
    house.run()
    assert house.status(identity) == "COMPLETED"


def test_an_express_execution_is_one_task(house: Stage):
    echo(house)
    two = machine(first={"Type": "Pass"}, item={"Type": "Task", "Resource": "step1"})
    identity = house.start(listed(processor=two, kind="EXPRESS"), {"items": [1, 2]})
    house.run()
    assert house.output(identity) == [{"got": 1}, {"got": 2}]
    for child in children(house):
        assert [(one.function, one.timeout_seconds) for one in house.rows(child.id)] == [(EXPRESS_FUNCTION, 300)]


def test_an_express_execution_that_fails_is_counted_as_any(house: Stage):
    house.script.let("step1", raises("No", "why"))
    identity = house.start(listed(kind="EXPRESS", ToleratedFailureCount=1), {"items": [1]})
    house.run()
    (failed,) = house.output(identity)
    assert (failed["Error"], failed["Cause"], the_run(house).failed) == ("No", "why", 1)


def test_a_version_may_turn_its_executions_express(house: Stage):
    for kind, functions in (("STANDARD", ["step1"]), ("EXPRESS", [EXPRESS_FUNCTION]), ("STANDARD", ["step1"])):
        house.start(listed(kind=kind), {"items": [1]})
        house.run()
        assert [one.function for one in house.rows(children(house)[-1].id)] == functions


def test_one_that_is_stopped_by_hand_counts_as_failed(house: Stage):
    identity = begun(house, listed(ToleratedFailureCount=1), {"items": [1, 2]})
    house.executions.cancel(children(house)[0].id)
    house.run()
    run = the_run(house)
    assert (run.status, run.succeeded, run.failed, run.open) == ("SUCCEEDED", 1, 1, 0)
    assert [one["Status"] if isinstance(one, dict) else one for one in house.output(identity)] == ["ABORTED", "step1"]


@pytest.mark.parametrize("ending", ["cancel", "time out", "a branch beside it"])
def test_a_parent_that_ends_takes_its_executions_with_it(house: Stage, ending: str):
    definition = {**listed(), "TimeoutSeconds": 60}
    if ending == "a branch beside it":
        failing = machine(no={"Type": "Fail", "Error": "No"})
        wait = machine(wait={"Type": "Wait", "Seconds": 30}, no=failing["States"]["no"])
        definition = machine(both={"Type": "Parallel", "Branches": [listed(), wait]})
    identity = house.start(definition, {"items": [1, 2]})
    for timer in due(house, identity, kind="run"):
        house.executions.fire(timer)
    assert len(children(house)) == 2
    if ending == "cancel":
        house.executions.cancel(identity)
    else:
        house.fire_timers()
    assert house.status(identity) in ("CANCELLED", "TIMED_OUT", "FAILED")
    assert the_run(house).status == "ABORTED" and house.left_open(identity) == []
    house.work.nested.sweep()
    assert {one.status for one in children(house)} == {"CANCELLED"}


def due(house: Stage, identity: str, kind: str) -> list[DueTimer]:
    return [
        DueTimer(one.execution_id, one.frame, one.entry, one.number, one.kind)
        for one in house.left_open(identity)
        if getattr(one, "kind", None) == kind
    ]


def test_what_was_listed_for_a_run_that_was_aborted_is_cleared_away_later(house: Stage):
    root = store(house)
    (root / "in-1").write_text("x")
    reader = {"Resource": OBJECT.replace("getObject", "listObjectsV2"), "Parameters": {"Bucket": "b", "Prefix": "in-"}}
    identity = begun(house, fan(ItemReader=reader))
    house.executions.cancel(identity)
    (left,) = root.glob(".*.listing")
    long_ago = time.time() - 16 * 24 * 3600
    os.utime(left, (long_ago, long_ago))
    identity = house.start(fan(ItemReader=reader))
    house.run()
    assert house.status(identity) == "COMPLETED" and list(root.glob(".*.listing")) == []


def test_large_items_are_begun_a_few_at_a_time(house: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pump, "BYTES_AT_ONCE", 25)
    (store(house) / "x.jsonl").write_text('"12345678"\n' * 7)
    identity = begun(house, reading("x.jsonl", InputType="JSONL"))
    assert len(children(house)) == 3
    house.run()
    assert house.output(identity) == ["step1"] * 7 and the_run(house).begun == 7


def test_those_that_nobody_waits_for_are_found_behind_however_many_others(
    house: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(start_execution, "LOOKED_AT", 3)
    monkeypatch.setattr(start_execution, "STOPPED_AT_ONCE", 1)
    begun(house, listed(), {"items": list(range(40))})
    others = {one.id for one in children(house)}
    identity = begun(house, listed(), {"items": [1, 2]})
    house.executions.cancel(identity)
    for _ in range(42 // 3 + 2):
        house.work.nested.sweep()
    assert [one.status for one in children(house) if one.id not in others] == ["CANCELLED"] * 2
    assert {one.status for one in children(house) if one.id in others} == {"IN_PROGRESS"}
