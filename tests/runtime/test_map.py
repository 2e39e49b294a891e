"""Maps and variables on a real database: the order of items, the loaded rows, and the end of every item."""

from __future__ import annotations

import json
from functools import partial

import pytest

from stepwell.db.database import database
from stepwell.db.models import Frame, History
from stepwell.runtime.moves import load
from tests.runtime.stage import Json, Stage, at_once, machine, parallel, raises, returns, task

ECHO = machine(item=task("step1"))
MANY = 30_000
"""A number of items that fits an input, but needs more history lines than an execution may have."""


def each(processor: Json, **fields: Json) -> Json:
    return {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, **fields}


def only_if_odd(state: Json) -> Json:
    """A processor that runs this state for odd items, and a Pass for even ones."""
    condition = [{"Condition": "{% $states.input % 2 = 1 %}", "Next": "odd"}]
    return {
        "StartAt": "which",
        "States": {
            "which": {"Type": "Choice", "QueryLanguage": "JSONata", "Choices": condition, "Default": "even"},
            "odd": {**state, "End": True},
            "even": {"Type": "Pass", "End": True},
        },
    }


def begun(stage: Stage, identity: str) -> list[int]:
    """The numbers of the begun items, in the order of the history."""
    with database.connection_context():
        lines = History.select().where(History.execution_id == identity, History.type == "MapIterationStarted")
        return [json.loads(line.details)["index"] for line in lines.order_by(History.id)]


@pytest.mark.parametrize("count", [0, 1, 2, 39, 40, 41, 100])
@pytest.mark.parametrize("at_most", [0, 1, 3])
def test_the_outputs_come_in_the_order_of_the_items(stage: Stage, count: int, at_most: int):
    stage.script.let("step1", lambda event: returns(event * 10))
    items = list(range(count))
    identity = stage.start(machine(all=each(ECHO, MaxConcurrency=at_most)), {"items": items})
    stage.run()
    assert stage.output(identity) == [10 * item for item in items]
    assert begun(stage, identity) == items and stage.left_open(identity) == []
    assert stage.history(identity)[-3:] == ["MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"]


@pytest.mark.parametrize("items", [[1, 0, 0, 0], [0, 0, 1], [1] + [0] * 60 + [1], [0] * 90, [1] + [0] * 1200])
def test_items_that_end_at_once_make_way_for_all_that_follow(stage: Stage, items: list[int]):
    """The end of one task may begin and end many items that were not loaded with it."""
    identity = stage.start(machine(all=each(only_if_odd(task("step1")), MaxConcurrency=1)), {"items": items})
    stage.run()
    assert stage.output(identity) == ["step1" if item else 0 for item in items]
    assert stage.left_open(identity) == []


def test_so_many_items_run_at_a_time(stage: Stage):
    identity = stage.start(machine(all=each(ECHO, MaxConcurrency=2)), {"items": [1, 2, 3, 4]})
    assert begun(stage, identity) == [0, 1]
    first, second = stage.claim_all(identity)
    stage.succeed(second, "b")
    assert begun(stage, identity) == [0, 1, 2]
    stage.succeed(first, "a")
    assert begun(stage, identity) == [0, 1, 2, 3]
    stage.run()
    assert stage.output(identity) == ["a", "b", "step1", "step1"]


def test_two_items_that_end_at_once_begin_two(stage: Stage):
    definition = machine(all=each(ECHO, MaxConcurrency=2))
    for _ in range(30):
        identity = stage.start(definition, {"items": [1, 2, 3, 4]})
        for _ in range(2):
            first, second = stage.claim_all(identity)
            at_once(partial(stage.succeed, first, 1), partial(stage.succeed, second, 2))
        assert begun(stage, identity) == [0, 1, 2, 3] and stage.output(identity) == [1, 2, 1, 2]
    assert stage.left_open(identity) == [] and not stage.executions.counters


def test_an_item_that_fails_ends_the_others(stage: Stage):
    stage.script.let("step2", raises("No", "why"))
    identity = stage.start(machine(all=each(only_if_odd(task("step2")))), {"items": [0, 2, 3, 5]})
    claims = stage.claim_all(identity)
    stage.executions.fail(claims[0], "No", "why", "")
    row = stage.execution(identity)
    assert (row.status, row.error, row.cause) == ("FAILED", "No", "why")
    assert stage.statuses(identity) == ["FAILED", "CANCELLED"] and stage.left_open(identity) == []
    stage.succeed(claims[1], 1)
    assert stage.executions.counters["fenced_results"] == 1


def test_what_a_failed_map_leaves_is_gone_when_its_catcher_goes_on(stage: Stage):
    stage.script.let("step1", raises("No"))
    catch = [{"ErrorEquals": ["No"], "Next": "then", "ResultPath": "$.error"}]
    definition = machine(all=each(ECHO, MaxConcurrency=1, Catch=catch), then=task("step2", Next="again"))
    definition["States"]["again"] = each(machine(x=task("flaky")), End=True)
    identity = stage.start(definition, {"items": [1, 2, 3]})
    stage.run()
    assert stage.script.events[1] == ("step2", {"items": [1, 2, 3], "error": {"Error": "No", "Cause": ""}})
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "States.ReferencePathConflict")


def test_a_map_that_is_retried_begins_anew_with_all_items(stage: Stage):
    stage.script.let("step1", returns("a"), raises("No"), returns("b"))
    retry = [{"ErrorEquals": ["No"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    identity = stage.start(machine(all=each(ECHO, MaxConcurrency=1, Retry=retry)), {"items": [1, 2, 3]})
    stage.run()
    assert stage.output(identity) == ["b"] * 3
    assert begun(stage, identity) == [0, 1, 0, 1, 2] and stage.left_open(identity) == []


def test_maps_and_parallels_may_be_nested(stage: Stage):
    inner = machine(row=each(machine(cell=task("step1")), MaxConcurrency=1))
    both = machine(both=parallel(inner, machine(one=task("step2"))))
    identity = stage.start(machine(all=each(both, MaxConcurrency=2)), {"items": [{"items": [1, 2]}, {"items": []}] * 2})
    stage.run()
    assert stage.output(identity) == [[["step1", "step1"], "step2"], [[], "step2"]] * 2
    assert stage.left_open(identity) == []


def test_cancelling_ends_items_that_run_and_those_that_wait(stage: Stage):
    identity = stage.start(machine(all=each(ECHO, MaxConcurrency=1)), {"items": [1, 2, 3]})
    claim = stage.claim(identity)
    stage.executions.cancel(identity)
    assert stage.status(identity) == "CANCELLED" and stage.left_open(identity) == []
    stage.succeed(claim, 1)
    assert stage.executions.counters["fenced_results"] == 1


def test_pausing_lets_items_end_and_begins_none_that_may_be_claimed(stage: Stage):
    identity = stage.start(machine(all=each(ECHO, MaxConcurrency=1)), {"items": [1, 2]})
    claim = stage.claim(identity)
    stage.executions.pause(identity)
    stage.take_queued()
    stage.succeed(claim, 1)
    assert stage.take_queued() == [] and begun(stage, identity) == [0, 1]
    stage.executions.resume(identity)
    stage.run()
    assert stage.output(identity) == [1, "step1"]


def test_an_item_costs_the_same_among_many(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """The end of an item loads the item, its parent and the next item."""
    sizes: list[int] = []
    really_load = load.load

    def count(*given: Json) -> Json:
        loaded = really_load(*given)
        sizes.append(len(loaded.frames))
        return loaded

    identity = stage.start(machine(all=each(ECHO, MaxConcurrency=3)), {"items": list(range(500))})
    monkeypatch.setattr(load, "load", count)
    for claim in stage.claim_all(identity):
        stage.succeed(claim, 1)
    assert sizes == [3, 3, 3]


def test_the_item_and_its_place_are_known_in_every_state_inside(stage: Stage):
    shown = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}
    processor = machine(one=task("step1"), two=task("step2", Parameters=shown))
    stage.start(machine(all=each(processor, ItemSelector={"given.$": "$$.Map.Item.Value"})), {"items": ["a", None]})
    stage.run()
    assert [event for name, event in stage.script.events if name == "step1"] == [{"given": "a"}, {"given": None}]
    seen = [event for name, event in stage.script.events if name == "step2"]
    assert sorted(seen, key=str) == [{"i": 0, "v": "a"}, {"i": 1, "v": None}]


# Variables


@pytest.mark.parametrize("hot", [True, False])
def test_variables_live_until_the_execution_ends(stage: Stage, hot: bool):
    definition = machine(
        a=task("step1", Assign={"first.$": "$", "n": 1}),
        b=task("step2", Assign={"n": 2, "before.$": "$n"}),
        c=task("flaky", Parameters={"first.$": "$first", "n.$": "$n", "before.$": "$before"}),
    )
    identity = stage.start(definition)
    if hot:
        stage.run()
    else:
        with stage.general_path():
            stage.run()
    assert stage.script.events[-1] == ("flaky", {"first": "step1", "n": 2, "before": 1})
    assert json.loads(stage.execution(identity).variables) == {"first": "step1", "n": 2, "before": 1}


def test_a_branch_sees_the_variables_outside_and_keeps_its_own(stage: Stage):
    inside = machine(
        a=task("step1", Parameters={"x.$": "$x"}, Assign={"own.$": "$$.State.Name"}),
        b=task("step2", Parameters={"own.$": "$own"}),
    )
    definition = machine(
        first={"Type": "Pass", "Assign": {"x": 7}},
        both=parallel(inside),
        last={"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $exists($own) ? 'leaked' : $x %}"},
    )
    identity = stage.start(definition)
    stage.run()
    assert stage.script.events == [("step1", {"x": 7}), ("step2", {"own": "a"})]
    assert stage.output(identity) == 7


def test_variables_over_the_limit_fail_the_state(stage: Stage):
    big = {"Type": "Pass", "Assign": {"x.$": "States.Array($.text, $.text, $.text)"}}
    identity = stage.start(machine(big=big), {"text": "x" * 100_000})
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "States.DataLimitExceeded")
    assert stage.left_open(identity) == []


def test_frames_know_what_they_hold(stage: Stage):
    """The frames of a running Map: their number, how many items have begun, and each item's input."""
    identity = stage.start(machine(all=each(ECHO, MaxConcurrency=1)), {"items": ["a", "b"]})
    row = stage.execution(identity)
    assert (row.open, row.begun, row.children) == (2, 1, 2)
    with database.connection_context():
        held = [(one.waiting, one.data, one.item) for one in Frame.select().order_by(Frame.path)]
    assert held == [("task", '"a"', '"a"'), ("turn", "null", '"b"')]


def test_items_that_can_never_begin_are_no_rows(stage: Stage):
    identity = stage.start(machine(all=each(ECHO)), {"items": [0] * MANY})
    with database.connection_context():
        assert Frame.select().where(Frame.execution_id == identity).count() == 25_000 // 4 + 40
    assert stage.execution(identity).children == MANY


def test_more_items_than_a_history_can_hold_fail_the_execution(stage: Stage):
    identity = stage.start(machine(all=each(machine(item={"Type": "Pass"}))), {"items": [0] * MANY})
    row = stage.execution(identity)
    assert (row.status, row.error) == ("FAILED", "States.Runtime") and "25000" in row.cause
    assert stage.left_open(identity) == []
