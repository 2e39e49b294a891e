"""Each handler's idempotency key, on a real database: one a visit of a state, whatever happens to workers."""

from __future__ import annotations

import pytest

from stepwell.db.database import database
from stepwell.db.models import Task
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.load import load
from tests.runtime.maps import ITEM, children, fan
from tests.runtime.stage import LONG_AGO, Json, Stage, machine, parallel, raises, returns, steps, task

RETRY = {"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}]}
PASS = {"Type": "Pass"}
CHARGE = task("step1", Parameters={"key.$": "$$.State.IdempotencyKey"})


def keys(stage: Stage, function: str = "step1") -> list[str]:
    """The keys in the client contexts of a function's calls. The events of state machines have the same ones."""
    found = [key for name, key in stage.script.keys if name == function]
    given = [
        event["key"]
        for name, event in stage.script.events
        if name == function and isinstance(event, dict) and "key" in event
    ]
    assert given in ([], found) and None not in found
    return found


def each(processor: Json, **fields: Json) -> Json:
    return {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, **fields}


def is_one(found: list[str], times: int) -> bool:
    return len(found) == times and len(set(found)) == 1


@pytest.mark.parametrize("is_general", [False, True])
def test_retries_share_one_and_the_next_state_has_another(stage: Stage, is_general: bool):
    stage.script.let("step1", raises("No"), raises("No"), returns({}))
    stage.start(machine(First=PASS, Charge={**CHARGE, **RETRY}, Refund=task("step2")))
    if is_general:
        with stage.general_path():
            stage.run()
    else:
        stage.run()
    assert is_one(keys(stage), 3)
    assert keys(stage, "step2") != keys(stage)[:1]


def test_a_lost_worker_and_a_task_that_is_handed_back_change_nothing(stage: Stage):
    identity = stage.start(machine(Charge=CHARGE))
    claim = stage.claim(identity)
    stage.set(stage.task(identity), lease_until=LONG_AGO)
    stage.tasks.sweep()
    assert stage.task(identity).losses == 1
    again = stage.claim(identity)
    assert stage.tasks.give_back(again)
    stage.run()
    [key] = keys(stage)
    assert key == f"{identity}/{claim.visit}" and again.visit == claim.visit


@pytest.mark.parametrize("inside", ["", "map", "parallel"])
def test_a_redrive_keeps_it(stage: Stage, inside: str):
    stage.script.let("step1", raises("No"), returns({}))
    inner = machine(Charge=CHARGE)
    whole = {"": inner, "map": machine(All=each(inner)), "parallel": machine(Both=parallel(inner, machine(b=PASS)))}
    identity = stage.start(whole[inside], {"items": [1]})
    stage.run()
    assert stage.status(identity) == "FAILED" and stage.executions.redrive(identity)
    stage.run()
    assert stage.status(identity) == "COMPLETED"
    assert is_one(keys(stage), 2)


def test_items_and_branches_differ(stage: Stage):
    inner = machine(Charge=CHARGE)
    stage.start(machine(All=each(machine(Both=parallel(inner, machine(Refund=task("step2")))))), {"items": [1, 2, 3]})
    stage.run()
    assert len({*keys(stage), *keys(stage, "step2")}) == 6


def test_a_map_that_is_retried_as_a_whole_charges_with_the_same_keys(stage: Stage):
    stage.script.let("step1", returns({}), raises("No"), returns({}))
    stage.start(machine(All=each(machine(Charge=CHARGE), MaxConcurrency=1, **RETRY)), {"items": [1, 2]})
    stage.run()
    found = keys(stage)
    assert len(found) == 4 and found[:2] == found[2:] and found[0] != found[1]


def rounds(state: Json, count: int) -> Json:
    again = [{"Variable": "$.n", "NumericLessThan": count, "Next": "Charge"}]
    return {
        "StartAt": "Charge",
        "States": {
            "Charge": {**state, "ResultPath": None, "Next": "Count"},
            "Count": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Again?"},
            "Again?": {"Type": "Choice", "Choices": again, "Default": "Done"},
            "Done": {"Type": "Succeed"},
        },
    }


@pytest.mark.parametrize("is_general", [False, True])
def test_rounds_of_a_loop_differ_also_where_one_of_them_was_retried(stage: Stage, is_general: bool):
    stage.script.let("step1", returns({}), raises("No"), returns({}))
    identity = stage.start(rounds({**CHARGE, **RETRY}, 3), {"n": 0})
    if is_general:
        with stage.general_path():
            stage.run()
    else:
        stage.run()
    found = keys(stage)
    assert stage.status(identity) == "COMPLETED"
    assert len(found) == 4 and found[1] == found[2] and len(set(found)) == 3


def test_a_round_of_a_loop_keeps_its_key_in_a_redrive(stage: Stage):
    stage.script.let("step1", returns({}), raises("No"), returns({}))
    identity = stage.start(rounds(CHARGE, 3), {"n": 0})
    stage.run()
    assert stage.executions.redrive(identity)
    stage.run()
    found = keys(stage)
    assert len(found) == 4 and found[1] == found[2] and len(set(found)) == 3


def test_the_executions_of_a_map_in_distributed_mode_differ_and_keep_theirs_in_a_redrive(stage: Stage):
    stage.script.let("step1", raises("No"), returns({}))
    identity = stage.start(fan(ITEM, ItemsPath="$.items", MaxConcurrency=1), {"items": [1, 2]})
    stage.run()
    assert stage.status(identity) == "FAILED" and stage.executions.redrive(identity)
    stage.run()
    assert stage.status(identity) == "COMPLETED"
    found = keys(stage, "step1")
    assert found[0] in found[1:] and len(set(found)) == 2
    assert {key.partition("/")[0] for key in found} == {child.id for child in children(stage)}


def test_a_nested_execution_has_keys_of_its_own(stage: Stage):
    stage.workflows.create("inner", machine(Charge=CHARGE))
    call = {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:inner", "Input": {}}
    start = task("arn:aws:states:::states:startExecution", Parameters=call)
    identity = stage.start(machine(One=start, Two=start, Charge=CHARGE))
    stage.run()
    found = keys(stage)
    assert len(set(found)) == 3
    assert [key for key in found if key.startswith(identity)]


@pytest.mark.parametrize("kind", ["step list", "flow"])
def test_in_step_lists_and_flows_it_is_the_step_and_the_event_has_it_as_well(stage: Stage, kind: str):
    stage.script.let("step1", raises("No"), returns({}))
    retry = {"maxAttempts": 2, "intervalSeconds": 1}
    if kind == "flow":
        tree = {"name": "step2", "children": [{"name": "step1", "opts": {"attempts": 2}}, {"name": "step1"}]}
        identity = stage.runtime.api_context("r").executions.start_flow(tree).id
    else:
        identity = stage.start(steps("step1", "step1", "step2", retry=retry))
    stage.run()
    told = [event["step"]["idempotencyKey"] for _, event in stage.script.events]
    assert told == [key for _, key in stage.script.keys]
    assert set(told) == {f"{identity}/{step}" for step in ("step1", "step1-2", "step2")}


def test_a_task_that_the_release_before_has_dispatched_has_none(stage: Stage):
    """It knew no visits: a key that two items share would be worse than none."""
    identity = stage.start(machine(Charge=task("step1")))
    with database.connection_context():
        Task.update(visit=None).where(Task.execution_id == identity).execute()
    stage.run()
    assert stage.script.keys == [("step1", None)]


def test_an_express_execution_that_runs_again_has_its_keys_again(stage: Stage):
    whole = load(machine(All=each(machine(Charge=CHARGE))))
    for _ in range(2):
        stage.work.express.run(whole, Execution("e", "e", "w", {"items": [1, 2]}, 0), "k")
    found = keys(stage)
    assert len(found) == 4 and len(set(found)) == 2 and all(key.startswith("e/") for key in found)
