"""What Tasks tell of their functions, as AWS was recorded to tell it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.runtime.stage import machine, raises, task
from tests.wire.client import Wire

Json = Any

CAUSE = '{"errorMessage": "ü", "errorType": "E", "requestId": "r", "stackTrace": ["a", "b"]}'
COMPACT = '{"errorMessage":"ü","errorType":"E","requestId":"r","stackTrace":["a","b"]}'
INVOKE = "arn:aws:states:::lambda:invoke"


@pytest.mark.parametrize(
    ("resource", "arguments", "cause"),
    [
        (INVOKE, {"FunctionName": "step1"}, COMPACT),
        ("arn:aws:lambda:us-east-1:123456789012:function:step1", {}, CAUSE),
        ("step1", {}, CAUSE),
    ],
)
def test_the_cause_of_a_failed_call(wire: Wire, resource: str, arguments: Json, cause: str):
    wire.stage.script.let("step1", raises("E", CAUSE))
    caught = [{"ErrorEquals": ["E"], "Next": "B"}]
    whole = machine(A=task(resource, Parameters=arguments, Catch=caught), B={"Type": "Pass"})
    assert json.loads(wire.ran(whole)["output"])["Cause"] == cause


@pytest.mark.parametrize("cause", ["no JSON", "{cut", None])
def test_a_cause_that_is_no_object_is_told_as_it_is(wire: Wire, cause: str | None):
    wire.stage.script.let("step1", raises("E", cause))
    assert wire.ran(machine(A=task(INVOKE, Parameters={"FunctionName": "step1"}))).get("cause") == cause


NOWHERE = re.compile(
    r"Function not found: arn:aws:lambda:us-east-1:123456789012:function:nowhere:\$LATEST \(Service: AWSLambda; "
    r"Status Code: 404; Error Code: ResourceNotFoundException; Request ID: [0-9a-f-]{36}; Proxy: null\)"
)


@pytest.mark.parametrize("named", [{"FunctionName.$": "$.f"}, {"FunctionName.$": "States.Format('{}', $.f)"}])
def test_a_function_that_data_names_and_that_is_not_there(wire: Wire, named: Json):
    found = wire.ran(machine(A=task(INVOKE, Parameters=named)), {"f": "nowhere"})
    assert (found["status"], found["error"]) == ("FAILED", "Lambda.ResourceNotFoundException")
    assert NOWHERE.fullmatch(found["cause"])
    events = wire.client.get_execution_history(executionArn=found["executionArn"])["events"]
    assert [one["type"] for one in events][2:5] == ["TaskScheduled", "TaskStarted", "TaskFailed"]


def test_a_catcher_gets_the_same(wire: Wire):
    catch = [{"ErrorEquals": ["Lambda.ResourceNotFoundException"], "Next": "B"}]
    call = {"FunctionName": "{% $states.input.f %}"}
    caught = {**task(INVOKE, Arguments=call, Catch=catch), "QueryLanguage": "JSONata"}
    found = wire.ran(machine(A=caught, B={"Type": "Pass"}), {"f": "nowhere"})
    assert NOWHERE.fullmatch(json.loads(found["output"])["Cause"])


def test_a_function_that_another_worker_has_is_left_to_it(wire: Wire):
    stage = wire.stage
    wire.made(machine(A=task(INVOKE, Parameters={"FunctionName.$": "$.f"})))
    arn = wire.client.start_execution(
        stateMachineArn="arn:aws:states:us-east-1:123456789012:stateMachine:play", input='{"f": "step1"}'
    )["executionArn"]
    stage.another_worker().claims.present()
    stage.tasks.functions.remove("step1")
    stage.run()
    assert wire.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
    assert stage.script.events == []
