"""Maps in distributed mode: every item ends, and counts once."""

from __future__ import annotations

import json
from functools import partial

import pytest

from stepwell.db.database import database
from stepwell.db.models import MapRun, Timer
from stepwell.runtime import crashpoints
from stepwell.runtime.engine.values.limits import EngineLimits
from tests.runtime.maps import PASS, children, echo, fan, listed, reading, store, the_run
from tests.runtime.stage import Json, Stage, at_once, raises, returns


@pytest.mark.parametrize("count", [0, 1, 3, 101, 250])
@pytest.mark.parametrize("at_most", [0, 7])
def test_the_outputs_come_in_the_order_of_the_items(stage: Stage, count: int, at_most: int):
    echo(stage)
    identity = stage.start(listed(MaxConcurrency=at_most), {"items": list(range(count))})
    stage.run()
    assert stage.output(identity) == [{"got": item} for item in range(count)]
    assert stage.left_open(identity) == []
    run = the_run(stage)
    assert (run.status, run.total, run.begun, run.open, run.succeeded) == ("SUCCEEDED", count, count, 0, count)
    assert stage.history(identity)[-4:] == [
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]


def test_items_that_end_at_once_are_counted_too(stage: Stage):
    identity = stage.start(listed(processor=PASS), {"items": list(range(230))})
    stage.run()
    assert stage.output(identity) == list(range(230)) and stage.left_open(identity) == []


def test_so_many_run_at_a_time_and_no_row_is_made_before(stage: Stage):
    identity = stage.start(listed(MaxConcurrency=2), {"items": [1, 2, 3, 4]})
    stage.fire_timers()
    assert len(children(stage)) == 2
    first = children(stage)[0].id
    stage.succeed(stage.claim(first), "a")
    assert len(children(stage)) == 2
    stage.fire_timers()
    assert len(children(stage)) == 3 and stage.status(identity) == "IN_PROGRESS"
    stage.run()
    assert stage.output(identity) == ["a", "step1", "step1", "step1"]


def test_a_pump_begins_fewer_where_their_inputs_take_much(stage: Stage):
    selector = {"a": "{% $sum([1..10].($ * $states.context.Map.Item.Value)) %}"}
    state = fan(PASS, ItemSelector=selector, Items="{% $states.input.items %}", QueryLanguage="JSONata")
    stage.executions._mover.limits = EngineLimits(expression_steps=150)
    identity = stage.start(state, {"items": [*range(10)]})
    stage.fire_timers()
    assert len(children(stage)) == 2
    stage.run()
    assert stage.output(identity) == [{"a": 55 * item} for item in range(10)]
    stage.executions._mover.limits = EngineLimits(expression_steps=60)
    identity = stage.start(state, {"items": [*range(10)]})
    stage.run()
    assert stage.execution(identity).error == "States.QueryEvaluationError"


def test_two_that_end_at_once_are_both_counted(stage: Stage):
    definition = listed(MaxConcurrency=2)
    for _ in range(15):
        identity = stage.start(definition, {"items": [1, 2]})
        stage.fire_timers()
        both = [one for one in children(stage) if one.status == "IN_PROGRESS"]
        claims = [stage.claim(one.id) for one in both]
        at_once(*[partial(stage.succeed, claim, 1) for claim in claims])
        stage.run()
        assert stage.output(identity) == [1, 1]


def test_a_failure_that_is_not_tolerated_ends_it_and_the_sweep_stops_the_rest(stage: Stage):
    identity = stage.start(listed(), {"items": [1, 2, 3]})
    stage.fire_timers()
    first = children(stage)[0].id
    stage.executions.fail(stage.claim(first), "No", None, "")
    stage.fire_timers()
    assert stage.execution(identity).error == "States.ExceedToleratedFailureThreshold"
    assert the_run(stage).status == "FAILED" and stage.left_open(identity) == []
    stage.stop_orphans()
    assert [one.status for one in children(stage)] == ["FAILED", "CANCELLED", "CANCELLED"]
    with database.connection_context():
        assert Timer.select().count() == 0


@pytest.mark.parametrize(
    ("tolerated", "status"),
    [
        ({"ToleratedFailureCount": 1}, "COMPLETED"),
        ({"ToleratedFailureCount": 0}, "FAILED"),
        ({"ToleratedFailurePercentage": 25}, "COMPLETED"),
        ({"ToleratedFailurePercentage": 24.9}, "FAILED"),
        ({"ToleratedFailureCount": 9, "ToleratedFailurePercentagePath": "$.none"}, "FAILED"),
    ],
)
def test_so_much_may_fail(stage: Stage, tolerated: Json, status: str):
    stage.script.let("step1", lambda event: raises("No") if event == 2 else returns(event))
    identity = stage.start(listed(**tolerated), {"items": [1, 2, 3, 4], "none": 0})
    stage.run()
    assert stage.status(identity) == status
    if status == "COMPLETED":
        failed = stage.output(identity).pop(1)
        assert (failed["Status"], failed["Error"], failed["Input"]) == ("FAILED", "No", "2")
        assert [one for one in stage.output(identity) if one != failed] == [1, 3, 4]


def test_a_map_that_is_retried_has_a_run_of_its_own(stage: Stage):
    stage.script.let("step1", raises("No"), returns("b"))
    retry = [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "MaxAttempts": 1}]
    identity = stage.start(listed(MaxConcurrency=1, Retry=retry), {"items": [1, 2]})
    stage.run()
    assert stage.output(identity) == ["b", "b"]
    with database.connection_context():
        assert [(one.status, one.base, one.begun) for one in MapRun.select().order_by(MapRun.id)] == [
            ("FAILED", 0, 1),
            ("SUCCEEDED", 1, 2),
        ]


def test_cancelling_stops_what_runs(stage: Stage):
    identity = stage.start(listed(), {"items": [1, 2]})
    stage.fire_timers()
    stage.executions.cancel(identity)
    assert the_run(stage).status == "ABORTED" and stage.left_open(identity) == []
    stage.stop_orphans()
    assert {one.status for one in children(stage)} == {"CANCELLED"}


def test_pausing_begins_no_more_until_it_is_resumed(stage: Stage):
    identity = stage.start(listed(MaxConcurrency=1), {"items": [1, 2]})
    stage.fire_timers()
    stage.executions.pause(identity)
    stage.run()
    assert [one.status for one in children(stage)] == ["COMPLETED"]
    stage.executions.resume(identity)
    stage.run()
    assert stage.output(identity) == ["step1", "step1"]


def test_items_may_come_in_batches(stage: Stage):
    echo(stage)
    batcher = {"MaxItemsPerBatch": 3, "BatchInput": {"shop.$": "$.shop"}}
    selector = {"n.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}
    definition = listed(ItemBatcher=batcher, ItemSelector=selector)
    stage.start(definition, {"items": [10, 11, 12, 13], "shop": "x"})
    stage.run()
    given = [json.loads(one.input) for one in children(stage)]
    assert [len(one["Items"]) for one in given] == [3, 1]
    assert given[1] == {"BatchInput": {"shop": "x"}, "Items": [{"n": 13, "i": 3}]}


def test_a_batch_has_no_more_bytes_than_it_may(stage: Stage):
    stage.start(listed(ItemBatcher={"MaxInputBytesPerBatch": 40}), {"items": ["x" * 10] * 5})
    stage.run()
    assert [len(json.loads(one.input)["Items"]) for one in children(stage)] == [2, 2, 1]
    assert all(len(one.input) <= 40 for one in children(stage))


FILES = {
    "a.json": (
        '{"orders": {"new": [1, {"x": 2}]}}',
        {"InputType": "JSON", "ItemsPointer": "/orders/new"},
        [1, {"x": 2}],
    ),
    "b.jsonl": ('{"n": 1}\n\n[2]\n3', {"InputType": "JSONL"}, [{"n": 1}, [2], 3]),
    "c.csv": (
        'id,name\r\n1,"a\nb"\r\n2,é\n',
        {"InputType": "CSV"},
        [{"id": "1", "name": "a\nb"}, {"id": "2", "name": "é"}],
    ),
    "d.csv": (
        "1|2\n3|4",
        {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"], "CSVDelimiter": "PIPE"},
        [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}],
    ),
    "e.json": ("[1, 2, 3]", {"InputType": "JSON", "MaxItems": 2}, [1, 2]),
    "f.json": ('{"a": 1}', {"InputType": "JSON"}, [{"Key": "a", "Value": 1}]),
}


@pytest.mark.parametrize("key", FILES)
def test_items_may_come_from_a_file(stage: Stage, key: str):
    text, config, items = FILES[key]
    (store(stage) / key).write_text(text, newline="")
    definition = reading(key, **config)
    definition["States"]["all"]["MaxConcurrency"] = 1
    identity = stage.start(definition)
    echo(stage)
    stage.run()
    assert stage.output(identity) == [{"got": item} for item in items]


@pytest.mark.parametrize(
    ("text", "config", "why"),
    [
        (None, {"InputType": "JSON"}, "There is no artifact"),
        ("{", {"InputType": "JSON"}, "no JSON"),
        ("7", {"InputType": "JSON"}, "non-iterable"),
        ("[]", {"InputType": "JSON", "ItemsPointer": "/a"}, "does not match any valid path"),
        ("{", {"InputType": "JSONL"}, "no JSON"),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_state(stage: Stage, text: str | None, config: Json, why: str):
    if text is not None:
        (store(stage) / "x").write_text(text)
    identity = stage.start(reading("x" if text is not None else "../x", **config))
    stage.run()
    row = stage.execution(identity)
    assert row.error == "States.ItemReaderFailed" and why in row.cause and stage.left_open(identity) == []


def test_the_keys_of_artifacts_may_be_the_items(stage: Stage):
    root = store(stage)
    for name in ("in-2", "in-1", "out"):
        (root / name).write_text("x")
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b", "Prefix": "in-"}}
    identity = stage.start(fan(ItemReader=reader, ItemSelector={"key.$": "$$.Map.Item.Value.Key"}))
    echo(stage)
    stage.run()
    assert stage.output(identity) == [{"got": {"key": "in-1"}}, {"got": {"key": "in-2"}}]


def test_more_results_than_a_payload_may_hold_fail_the_state(stage: Stage):
    stage.script.let("step1", returns("x" * 200_000))
    identity = stage.start(listed(), {"items": [1, 2]})
    stage.run()
    assert stage.execution(identity).error == "States.DataLimitExceeded"


def test_the_executions_belong_to_a_workflow_that_nobody_sees(stage: Stage):
    stage.start(listed(Label="each"), {"items": [1]})
    stage.run()
    assert children(stage)[0].workflow == "play/each"
    with pytest.raises(Exception, match="There is no workflow 'play/each'"):
        stage.workflows.latest("play/each")


def test_a_pump_that_dies_before_its_commit_is_made_again(stage: Stage):
    def die() -> None:
        raise KeyboardInterrupt("dead")

    identity = stage.start(listed(MaxConcurrency=1), {"items": [1, 2, 3]})
    for _ in range(3):
        crashpoints.arm("advance.before_commit", die)
        with pytest.raises(KeyboardInterrupt):
            stage.fire_timers()
        crashpoints.disarm()
        stage.fire_timers()
        [stage.work.run(one) for one in stage.take_queued()]
    stage.run()
    assert stage.output(identity) == ["step1"] * 3 and len(children(stage)) == 3


def test_a_long_file_is_read_in_pieces(stage: Stage):
    lines = "".join(f'{{"n": {number}}}\n' for number in range(1500))
    (store(stage) / "long.jsonl").write_text(lines)
    definition = reading("long.jsonl", InputType="JSONL")
    definition["States"]["all"]["ItemProcessor"] |= PASS
    definition["States"]["all"]["ResultSelector"] = {"count.$": "States.ArrayLength($)"}
    identity = stage.start(definition)
    stage.run()
    assert stage.output(identity) == {"count": 1500} and the_run(stage).offset == len(lines)
