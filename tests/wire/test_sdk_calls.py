"""Tasks that call Step Functions through the SDK: ``aws-sdk:sfn``."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.runtime.stage import WITH_TOKEN, machine, task
from tests.wire.client import Wire

Json = Any

SDK = "arn:aws:states:::aws-sdk:sfn:"
PASS = {"Type": "Pass"}
INNER = "arn:aws:states:us-east-1:123456789012:stateMachine:inner"
REFUSED = re.compile(r"(.*) \(Service: Sfn, Status Code: 400, Request ID: [0-9a-f-]{36}\) \(SDK Attempt Count: 1\)")


def refused(found: Json) -> tuple[str, str]:
    assert found["status"] == "FAILED"
    told = REFUSED.fullmatch(found["cause"])
    assert told is not None, found["cause"]
    return found["error"], told[1]


def child_of(wire: Wire) -> Json:
    [child] = wire.client.list_executions(stateMachineArn=INNER)["executions"]
    return wire.client.describe_execution(executionArn=child["executionArn"])


@pytest.mark.parametrize("given", ['{"a": 1}', {"a": 1}])
def test_an_execution_is_started_and_nothing_else_is_told(wire: Wire, given: Json):
    wire.made(machine(A=PASS), name="inner")
    call = {"StateMachineArn": INNER, "Input": given, "Name": "one"}
    found = wire.ran(machine(A=task(f"{SDK}startExecution", Parameters=call)))
    output = json.loads(found["output"])
    assert output.keys() == {"ExecutionArn", "StartDate"}
    child = child_of(wire)
    assert (child["executionArn"], json.loads(child["input"])) == (output["ExecutionArn"], {"a": 1})


@pytest.mark.parametrize("more", [{}, {"Input": None}])
def test_without_an_input_it_gets_an_empty_object(wire: Wire, more: Json):
    wire.made(machine(A=PASS), name="inner")
    wire.ran(machine(A=task(f"{SDK}startExecution", Parameters={"StateMachineArn": INNER, **more})))
    assert child_of(wire)["input"] == "{}"


def test_a_machine_that_is_not_there(wire: Wire):
    found = wire.ran(machine(A=task(f"{SDK}startExecution", Parameters={"StateMachineArn": INNER})))
    assert refused(found) == ("Sfn.StateMachineDoesNotExistException", f"State Machine Does Not Exist: '{INNER}'")


def test_the_history_names_service_and_action(wire: Wire):
    wire.made(machine(A=PASS), name="inner")
    found = wire.ran(machine(A=task(f"{SDK}startExecution", Parameters={"StateMachineArn": INNER})))
    events = wire.client.get_execution_history(executionArn=found["executionArn"])["events"]
    named = [
        (details["resourceType"], details["resource"])
        for one in events
        if one["type"].startswith("Task") and not one["type"].startswith("TaskState")
        for details in one.values()
        if isinstance(details, dict)
    ]
    assert named == [("aws-sdk:sfn", "startExecution")] * 3


@pytest.mark.parametrize(
    ("action", "more"), [("sendTaskSuccess", {"Output": "{}"}), ("sendTaskFailure", {}), ("sendTaskHeartbeat", {})]
)
def test_an_unknown_token(wire: Wire, action: str, more: Json):
    found = wire.ran(machine(A=task(f"{SDK}{action}", Parameters={"TaskToken": "none", **more})))
    assert refused(found) == ("Sfn.InvalidTokenException", "Invalid Token: 'Invalid token'")


@pytest.mark.parametrize("output", ['{"a": 1}', {"a": 1}])
def test_a_task_is_answered_by_its_token(wire: Wire, output: Json):
    call = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    waits = wire.made(machine(W=task(WITH_TOKEN, Parameters=call)), name="waits")
    waiting = wire.client.start_execution(stateMachineArn=waits)["executionArn"]
    wire.stage.run()
    [(_, event)] = wire.stage.script.events
    answer = {"TaskToken": event["token"], "Output": output}
    found = wire.ran(machine(A=task(f"{SDK}sendTaskSuccess", Parameters=answer)), name="answers")
    assert (found["status"], found["output"]) == ("SUCCEEDED", "{}")
    assert json.loads(wire.client.describe_execution(executionArn=waiting)["output"]) == {"a": 1}
    again = wire.client.start_execution(stateMachineArn=found["stateMachineArn"])["executionArn"]
    wire.stage.run()
    error, _ = refused(wire.client.describe_execution(executionArn=again))
    assert error in ("Sfn.TaskTimedOutException", "Sfn.InvalidTokenException")


def test_a_task_is_failed_by_its_token(wire: Wire):
    call = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    waits = wire.made(machine(W=task(WITH_TOKEN, Parameters=call)), name="waits")
    waiting = wire.client.start_execution(stateMachineArn=waits)["executionArn"]
    wire.stage.run()
    [(_, event)] = wire.stage.script.events
    answer = {"TaskToken": event["token"], "Error": "E", "Cause": "C"}
    wire.ran(machine(A=task(f"{SDK}sendTaskFailure", Parameters=answer)), name="answers")
    found = wire.client.describe_execution(executionArn=waiting)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "E", "C")


def test_an_express_execution_may_call_it_too(wire: Wire):
    wire.made(machine(A=PASS), name="inner")
    call = task(f"{SDK}startExecution", Parameters={"StateMachineArn": INNER})
    arn = wire.made(machine(A=call), type="EXPRESS")
    ended = wire.client.start_sync_execution(stateMachineArn=arn)
    assert json.loads(ended["output"])["ExecutionArn"] == child_of(wire)["executionArn"]


@pytest.mark.parametrize(
    ("action", "needed"), [("startExecution", "StateMachineArn"), ("sendTaskSuccess", "TaskToken")]
)
def test_what_a_call_needs(wire: Wire, action: str, needed: str):
    text = json.dumps(machine(A=task(f"{SDK}{action}", Parameters={"No": 1})))
    found = wire.client.validate_state_machine_definition(definition=text)["diagnostics"]
    assert [one["location"] for one in found] == ["/States/A/Parameters/No", "/States/A/Parameters"]
    assert needed in found[1]["message"]
