"""What executions answer on AWS's wire, as AWS was recorded to answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runtime.stage import machine, task
from tests.wire.client import Wire

Json = Any

PASS = {"Type": "Pass"}
CONTEXT = {"Type": "Pass", "Parameters": {"id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name"}}


def begun(wire: Wire, definition: Json, **given: Json) -> Json:
    arn = wire.made(definition)
    started = wire.client.start_execution(stateMachineArn=arn, **given)["executionArn"]
    wire.stage.run()
    return wire.client.describe_execution(executionArn=started)


def test_a_time_out_has_no_error(wire: Wire):
    whole = {**machine(A={"Type": "Wait", "Seconds": 9}), "TimeoutSeconds": 1}
    arn = wire.made(whole)
    started = wire.client.start_execution(stateMachineArn=arn)["executionArn"]
    wire.stage.fire_timers()
    found = wire.client.describe_execution(executionArn=started)
    assert found["status"] == "TIMED_OUT"
    assert "error" not in found and "cause" not in found


@pytest.mark.parametrize("fail", [{}, {"Error": "E"}, {"Cause": "C"}, {"Error": "E", "Cause": "C"}])
def test_a_fail_state_tells_what_it_has(wire: Wire, fail: Json):
    found = begun(wire, machine(A={"Type": "Fail", **fail}))
    told = {name.title(): found[name] for name in ("error", "cause") if name in found}
    assert (found["status"], told) == ("FAILED", fail)


@pytest.mark.parametrize("how", ["", ".sync", ".sync:2"])
def test_a_null_input_of_a_nested_execution_is_an_empty_object(wire: Wire, how: str):
    wire.made(machine(A=PASS), name="inner")
    call = {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:inner", "Input.$": "$.none"}
    whole = machine(A=task(f"arn:aws:states:::states:startExecution{how}", Parameters=call))
    assert begun(wire, whole, input='{"none": null}')["status"] == "SUCCEEDED"
    [child] = wire.client.list_executions(stateMachineArn="arn:aws:states:us-east-1:123456789012:stateMachine:inner")[
        "executions"
    ]
    assert wire.client.describe_execution(executionArn=child["executionArn"])["input"] == "{}"


def test_an_express_executions_name_and_id_differ_and_its_context_says_the_same(wire: Wire):
    arn = wire.made(machine(A=CONTEXT), type="EXPRESS")
    ended = wire.client.start_sync_execution(stateMachineArn=arn)
    *_, name, identity = ended["executionArn"].split(":")
    assert name == ended["name"] != identity
    assert json.loads(ended["output"]) == {"id": ended["executionArn"], "name": name}


def test_so_do_those_of_one_that_nobody_waits_for(wire: Wire):
    note = task("step1", Parameters={"id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name"})
    arn = wire.made(machine(A=note), type="EXPRESS")
    started = wire.client.start_execution(stateMachineArn=arn)["executionArn"]
    wire.stage.run()
    *_, name, identity = started.split(":")
    assert name != identity
    assert wire.stage.script.events == [("step1", {"id": started, "name": name})]


@pytest.mark.parametrize("field", ["ToleratedFailureCountPath", "ToleratedFailurePercentagePath", "MaxConcurrencyPath"])
def test_a_map_run_takes_numbers_that_are_written_as_text(wire: Wire, field: str):
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    each = {"Type": "Map", "ItemsPath": "$.v", "ItemProcessor": {**machine(p=PASS), **config}, field: "$n"}
    whole = machine(Set={**PASS, "Assign": {"n": "1"}}, A=each)
    found = begun(wire, whole, input='{"v": [1, 2]}')
    assert (found["status"], found["output"]) == ("SUCCEEDED", "[1,2]")
    [run] = wire.client.list_map_runs(executionArn=found["executionArn"])["mapRuns"]
    member = {"MaxConcurrencyPath": "maxConcurrency"}.get(field, field[0].lower() + field[1:].removesuffix("Path"))
    assert wire.client.describe_map_run(mapRunArn=run["mapRunArn"])[member] == 1
