from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runtime.stage import machine, raises, returns, task
from tests.wire.client import Wire, refusal

Json = Any

RETRIED = [{"ErrorEquals": ["Boom"], "IntervalSeconds": 7, "MaxAttempts": 2, "BackoffRate": 2.0}]
CAUGHT = [{"ErrorEquals": ["Other"], "Next": "X"}, {"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Y"}]
INVOKE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "InputPath": "$.in",
    "Parameters": {"FunctionName": "step1", "Payload": {"n.$": "$.n"}},
    "ResultSelector": {"got.$": "$.Payload"},
    "ResultPath": "$.out",
    "Retry": RETRIED,
    "Catch": CAUGHT,
    "Next": "After",
}


def tried(wire: Wire, definition: Json, input: Json = None, **given: Any) -> Json:
    found = wire.client.test_state(definition=json.dumps(definition), input=json.dumps(input or {}), **given)
    del found["ResponseMetadata"]
    return found


def test_a_pass_state(wire: Wire):
    found = tried(wire, {"Type": "Pass", "Result": {"a": 1}, "ResultPath": "$.r", "Next": "N"}, {"b": 2})
    assert found == {"status": "SUCCEEDED", "output": '{"b":2,"r":{"a":1}}', "nextState": "N"}


def test_a_choice_says_where_it_goes(wire: Wire):
    rules = [{"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Big"}]
    state = {"Type": "Choice", "Choices": rules, "Default": "Small"}
    assert tried(wire, state, {"n": 9})["nextState"] == "Big"
    assert tried(wire, state, {"n": 1})["nextState"] == "Small"


def test_a_fail_state_and_the_end(wire: Wire):
    found = tried(wire, {"Type": "Fail", "Error": "E", "Cause": "C"})
    assert found == {"status": "FAILED", "error": "E", "cause": "C"}
    assert tried(wire, {"Type": "Succeed"}, {"a": 1}) == {"status": "SUCCEEDED", "output": '{"a":1}'}


def test_a_wait_is_cut_short(wire: Wire):
    assert tried(wire, {"Type": "Wait", "Seconds": 3600, "Next": "N"})["nextState"] == "N"


def test_a_task_calls_its_function(wire: Wire):
    wire.house.script.let("step1", returns({"well": True}))
    found = tried(wire, {**INVOKE, "InputPath": "$"}, {"n": 3})
    assert (found["status"], found["nextState"]) == ("SUCCEEDED", "After")
    assert json.loads(found["output"]) == {"n": 3, "out": {"got": {"well": True}}}
    assert wire.house.script.events == [("step1", {"n": 3})]
    wire.house.script.let("step1", raises("Bang", "why"))
    assert tried(wire, task("step1", End=True)) == {"status": "FAILED", "error": "Bang", "cause": "why"}


def test_a_mock_stands_for_the_answer_of_what_is_called(wire: Wire):
    mock = {"result": json.dumps({"Payload": 5, "StatusCode": 200})}
    found = tried(wire, INVOKE, {"in": {"n": 3}}, mock=mock, inspectionLevel="DEBUG")
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"in": {"n": 3}, "out": {"got": 5}})
    data = {name: json.loads(text) for name, text in found["inspectionData"].items()}
    assert data == {
        "input": {"in": {"n": 3}},
        "afterInputPath": {"n": 3},
        "afterParameters": {"FunctionName": "step1", "Payload": {"n": 3}},
        "result": {"Payload": 5, "StatusCode": 200},
        "afterResultSelector": {"got": 5},
        "afterResultPath": {"in": {"n": 3}, "out": {"got": 5}},
        "variables": {},
    }
    assert wire.house.script.events == []


def test_an_error_is_retried_then_caught(wire: Wire):
    given = {"mock": {"errorOutput": {"error": "Boom", "cause": "c"}}, "inspectionLevel": "TRACE"}
    found = tried(wire, INVOKE, {"in": {"n": 3}}, **given)
    assert (found["status"], found["error"], found["cause"]) == ("RETRIABLE", "Boom", "c")
    assert found["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 7}
    once = tried(wire, INVOKE, {"in": {"n": 3}}, **given, stateConfiguration={"retrierRetryCount": 1})
    assert once["inspectionData"]["errorDetails"]["retryBackoffIntervalSeconds"] == 14
    found = tried(wire, INVOKE, {"in": {"n": 3}}, **given, stateConfiguration={"retrierRetryCount": 2})
    assert (found["status"], found["nextState"], found["error"]) == ("CAUGHT_ERROR", "Y", "Boom")
    assert json.loads(found["output"])["e"] == {"Error": "Boom", "Cause": "c"}
    assert found["inspectionData"]["errorDetails"] == {"catchIndex": 1}


def test_a_state_of_a_whole_machine_wherever_it_stands(wire: Wire):
    inner = machine(Deep={"Type": "Pass", "Result": 1})
    whole = machine(Fan={"Type": "Parallel", "Branches": [inner]}, B=INVOKE | {"Next": "After"}, After={"Type": "Pass"})
    text = json.dumps(whole)
    found = wire.client.test_state(definition=text, stateName="Deep")
    assert (found["status"], found["output"]) == ("SUCCEEDED", "1")
    found = wire.client.test_state(definition=text, stateName="Fan", mock={"result": "[7]"})
    assert (found["output"], found["nextState"]) == ("[7]", "B")
    for given in ({}, {"stateName": "Nope"}):
        assert refusal(wire.client.test_state, definition=text, **given)[0] == "ValidationException"


def test_jsonata_sees_variables_and_the_context(wire: Wire):
    state = {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": "arn:aws:states:::dynamodb:getItem",
        "Arguments": {"k": "{% $states.input.k & $v %}"},
        "Output": "{% [$states.result, $states.context.Execution.Name] %}",
        "End": True,
    }
    given = {"variables": '{"v":"!"}', "context": '{"Execution":{"Name":"me"}}', "mock": {"result": "1"}}
    found = tried(wire, state, {"k": "a"}, **given, inspectionLevel="DEBUG")
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", [1, "me"])
    assert json.loads(found["inspectionData"]["afterArguments"]) == {"k": "a!"}
    assert json.loads(found["inspectionData"]["variables"]) == {"v": "!"}


def test_a_map_with_a_mock(wire: Wire):
    state = {"Type": "Map", "ItemProcessor": machine(A={"Type": "Pass"}), "ItemsPath": "$.list", "Next": "N"}
    found = tried(wire, state, {"list": [1, 2]}, mock={"result": "[3,4]"})
    assert (found["output"], found["nextState"]) == ("[3,4]", "N")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"definition": "{"}, "InvalidDefinition"),
        ({"definition": "[]"}, "InvalidDefinition"),
        ({"definition": json.dumps({"Type": "Nope"})}, "InvalidDefinition"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"definition": json.dumps(task("nowhere", End=True))}, "InvalidDefinition"),
        ({"definition": json.dumps({"Type": "Parallel", "Branches": [], "End": True})}, "ValidationException"),
        ({"mock": {}}, "ValidationException"),
        ({"mock": {"result": "{"}}, "InvalidExecutionInput"),
    ],
)
def test_what_cannot_be_tried(wire: Wire, given: Json, code: str):
    valid = {"definition": json.dumps(task("step1", End=True))}
    assert refusal(wire.client.test_state, **{**valid, **given})[0] == code
