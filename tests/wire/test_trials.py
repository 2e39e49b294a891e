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
    wire.stage.script.let("step1", returns({"well": True}))
    found = tried(wire, {**INVOKE, "InputPath": "$"}, {"n": 3})
    assert (found["status"], found["nextState"]) == ("SUCCEEDED", "After")
    assert json.loads(found["output"]) == {"n": 3, "out": {"got": {"well": True}}}
    assert wire.stage.script.events == [("step1", {"n": 3})]
    wire.stage.script.let("step1", raises("Bang", "why"))
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
    assert wire.stage.script.events == []


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
        ({"definition": json.dumps({"Type": "Parallel", "Branches": [], "End": True})}, "InvalidDefinition"),
        ({"mock": {}}, "ValidationException"),
        ({"mock": {"result": "{"}}, "InvalidExecutionInput"),
    ],
)
def test_what_cannot_be_tried(wire: Wire, given: Json, code: str):
    valid = {"definition": json.dumps(task("step1", End=True))}
    assert refusal(wire.client.test_state, **{**valid, **given})[0] == code


SUMS = {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": machine(I={"Type": "Pass"}), "End": True}
FANNED = {"Type": "Parallel", "Branches": [machine(A={"Type": "Pass"}), machine(B={"Type": "Pass"})], "End": True}
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}
READ = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/orders"},
    "Parameters": {"Bucket": "b", "Key": "k"},
}
WRITTEN = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}
NESTED = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": True}
TOLERANT = SUMS | {
    "ItemProcessor": machine(I={"Type": "Pass"}) | DISTRIBUTED,
    "MaxConcurrency": 4,
    "ToleratedFailureCount": 1,
    "Retry": [
        {"ErrorEquals": ["Other"]},
        {"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "IntervalSeconds": 3},
    ],
}


def test_a_map_shows_what_it_makes_of_its_fields(wire: Wire):
    state = TOLERANT | {"ItemSelector": {"n.$": "$$.Map.Item.Value"}, "ToleratedFailurePercentage": 50}
    found = tried(wire, state, {"list": [1, 2]}, mock={"result": "[3,4]"}, inspectionLevel="DEBUG")
    data = found["inspectionData"]
    assert (data["maxConcurrency"], data["toleratedFailureCount"], data["toleratedFailurePercentage"]) == (4, 1, 50)
    assert json.loads(data["afterItemsPath"]) == [1, 2]
    assert json.loads(data["afterItemSelector"]) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("tolerated", "failures", "status"),
    [
        ({}, 1, "SUCCEEDED"),
        ({}, 2, "RETRIABLE"),
        ({"ToleratedFailureCount": 9, "ToleratedFailurePercentage": 50}, 1, "SUCCEEDED"),
        ({"ToleratedFailureCount": 9, "ToleratedFailurePercentage": 49}, 1, "RETRIABLE"),
    ],
)
def test_more_failures_than_a_map_tolerates(wire: Wire, tolerated: Json, failures: int, status: str):
    given = {"mock": {"result": "[1,2]"}, "stateConfiguration": {"mapIterationFailureCount": failures}}
    found = tried(wire, TOLERANT | tolerated, {"list": [1, 2]}, **given, inspectionLevel="TRACE")
    assert found["status"] == status
    if status == "RETRIABLE":
        assert found["error"] == "States.ExceedToleratedFailureThreshold"
        assert found["inspectionData"]["errorDetails"] == {"retryIndex": 1, "retryBackoffIntervalSeconds": 3}
    plain = tried(wire, SUMS, {"list": [1, 2]}, **given)
    assert plain["status"] == "SUCCEEDED", "one that says nothing of failures"


def test_what_a_reader_read_is_selected_from(wire: Wire):
    state = TOLERANT | {"ItemReader": READ, "ItemSelector": {"n.$": "$$.Map.Item.Value"}}
    del state["ItemsPath"]
    given = {"mock": {"result": "[1]"}, "stateConfiguration": {"mapItemReaderData": '{"orders":[7]}'}}
    data = tried(wire, state, {}, **given, inspectionLevel="DEBUG")["inspectionData"]
    assert json.loads(data["afterItemsPointer"]) == [7] and json.loads(data["afterItemSelector"]) == [{"n": 7}]
    assert "afterItemsPath" not in data


def test_an_error_from_inside_is_that_of_the_whole(wire: Wire):
    mock = {"errorOutput": {"error": "Boom", "cause": "c"}}
    for state, inside in ((SUMS, "I"), (FANNED, "B")):
        found = tried(wire, state, {"list": [1]}, mock=mock, stateConfiguration={"errorCausedByState": inside})
        assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Boom", "c")


SCHEMA = "Mock result schema validation error: "
REFUSED: list[tuple[Json, Json, str]] = [
    ({"Type": "Pass", "End": True}, {"mock": {"result": "1"}}, "State type 'Pass' is not supported when a mock is"),
    (SUMS, {"mock": {"result": "{}"}}, "Mocked result must be an array."),
    (SUMS | {"ItemProcessor": SUMS["ItemProcessor"] | DISTRIBUTED, "ResultWriter": WRITTEN}, {}, "JSON object."),
    (FANNED, {"mock": {"result": "[1]"}}, "same number of items as number of Parallel branches."),
    (FANNED, {"mock": {"result": "[1]", "errorOutput": {"error": "E"}}}, "only one of the following fields"),
    (INVOKE, {"revealSecrets": True}, "TestState does not support RevealSecrets when a mock is specified."),
    (INVOKE, {"mock": {"result": '{"StatusCode":"200"}'}}, f"{SCHEMA}Field 'StatusCode' must be a number"),
    (NESTED, {"mock": {"result": "{}"}}, f"{SCHEMA}Required field 'ExecutionArn' is missing"),
    (NESTED, {"mock": {"result": '{"ExecutionArn":"a","StartDate":1}'}}, "Field 'StartDate' must be a string"),
    (INVOKE, {"stateConfiguration": {"mapIterationFailureCount": 1}}, "can only be set for a Map state"),
    (SUMS, {"mock": {"result": "[]"}, "stateConfiguration": {"mapItemReaderData": "[]"}}, "with an ItemReader"),
    (FANNED, {"mock": {"result": "[1,2]"}, "stateConfiguration": {"errorCausedByState": "C"}}, "must name a state"),
]


@pytest.mark.parametrize("place", range(len(REFUSED)))
def test_a_mock_that_does_not_fit(wire: Wire, place: int):
    state, given, said = REFUSED[place]
    call = {"mock": {"result": "[]"}, **given}
    code, message = refusal(wire.client.test_state, definition=json.dumps(state), input='{"list":[1],"in":{}}', **call)
    assert code == "ValidationException" and said in message


@pytest.mark.parametrize(
    ("mode", "result", "is_fine"),
    [
        ("STRICT", {"ExecutionArn": "a", "StartDate": "d", "More": 1}, True),
        ("STRICT", {"ExecutionArn": "a"}, False),
        ("PRESENT", {"ExecutionArn": "a"}, True),
        ("PRESENT", {"ExecutionArn": True}, False),
        ("NONE", {"ExecutionArn": True}, True),
        ("NONE", "anything", True),
    ],
)
def test_how_strictly_a_mock_is_held_against_its_api(wire: Wire, mode: str, result: Json, is_fine: bool):
    call = {"definition": json.dumps(NESTED), "mock": {"result": json.dumps(result), "fieldValidationMode": mode}}
    if is_fine:
        assert json.loads(wire.client.test_state(**call)["output"]) == result
    else:
        assert refusal(wire.client.test_state, **call)[0] == "ValidationException"


def test_without_a_mock_there_is_no_context_to_give(wire: Wire):
    definition = json.dumps(task("step1", End=True))
    assert refusal(wire.client.test_state, definition=definition, context="{}")[0] == "ValidationException"
    assert wire.client.test_state(definition=definition, revealSecrets=True)["status"] == "SUCCEEDED"
