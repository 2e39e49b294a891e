from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runtime.stage import machine, raises, returns, task
from tests.wire.client import ROLE, Wire, refusal
from tests.wire.trials import FANNED, INVOKE, READ, SUMS, TOLERANT, tried

Json = Any


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
    given = {"variables": '{"v":"!"}', "context": '{"Execution":{"Name":"me"}}', "mock": {"result": "{}"}}
    found = tried(wire, state, {"k": "a"}, **given, inspectionLevel="DEBUG")
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", [{}, "me"])
    assert json.loads(found["inspectionData"]["afterArguments"]) == {"k": "a!"}
    assert json.loads(found["inspectionData"]["variables"]) == {"v": "!"}


def test_a_map_with_a_mock(wire: Wire):
    state = {"Type": "Map", "ItemProcessor": machine(A={"Type": "Pass"}), "ItemsPath": "$.list", "Next": "N"}
    found = tried(wire, state, {"list": [1, 2]}, mock={"result": "[3,4]"})
    assert (found["output"], found["nextState"]) == ("[3,4]", "N")


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


SEEN = {"Type": "Pass", "Parameters": {"seen.$": "$$"}, "End": True}


def test_the_context_object_is_made_up_anew_for_each_call(wire: Wire):
    def seen(**given: Any) -> Json:
        definition = json.dumps({**machine(Mine=SEEN)})
        answer = wire.client.test_state(definition=definition, stateName="Mine", input='{"a":1}', **given)
        return json.loads(answer["output"])["seen"]

    first, second = seen(), seen(roleArn=ROLE)
    execution, whole = first["Execution"], first["StateMachine"]
    home = "arn:aws:states:us-east-1:123456789012"
    assert first.keys() == {"Execution", "State", "StateMachine"}
    assert execution.keys() == {"Id", "Input", "Name", "RoleArn", "StartTime"}
    assert execution["Id"] == f"{home}:express:{whole['Name']}:{execution['Name']}"
    assert whole == {"Id": f"{home}:stateMachine:{whole['Name']}", "Name": whole["Name"]}
    assert (execution["Input"], execution["RoleArn"]) == ({"a": 1}, None)
    assert (first["State"]["Name"], first["State"]["RetryCount"]) == ("StateName", 0)
    assert second["Execution"]["RoleArn"] == ROLE
    assert second["Execution"]["Name"] != execution["Name"] and second["StateMachine"] != whole


def test_a_given_context_object_is_the_whole_one(wire: Wire):
    state = task("step1", Parameters={"seen.$": "$$"}, End=True)
    for given in ({}, {"Execution": {}}, {"State": {"Name": "S"}, "StateMachine": {"Id": "i"}}):
        found = tried(wire, state, mock={"result": "1"}, context=json.dumps(given), inspectionLevel="DEBUG")
        assert json.loads(found["inspectionData"]["afterParameters"]) == {"seen": given}


def test_a_tested_state_has_an_idempotency_key(wire: Wire):
    state = task("step1", Parameters={"k.$": "$$.State.IdempotencyKey", "s.$": "$$.State"}, End=True)
    found = tried(wire, state, mock={"result": "1"}, inspectionLevel="DEBUG")
    parameters = json.loads(found["inspectionData"]["afterParameters"])
    assert parameters["k"] and parameters["s"].keys() == {"Name", "EnteredTime", "RetryCount"}


def test_a_mocked_call_that_waits_has_a_token_in_its_context_object(wire: Wire):
    state = task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", Parameters={"t.$": "$$.Task.Token"}, End=True)
    given = {"mock": {"result": '"any"'}, "inspectionLevel": "DEBUG"}
    assert json.loads(tried(wire, state, **given)["inspectionData"]["afterParameters"])["t"]
    found = tried(wire, state, **given, context='{"Task":{"Token":"mine"}}')
    assert json.loads(found["inspectionData"]["afterParameters"]) == {"t": "mine"}


def shown(found: Json) -> Json:
    numbers = ("maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage", "errorDetails")
    data = found["inspectionData"]
    return {name: of if name in numbers else json.loads(of) for name, of in data.items()}


def test_a_map_and_a_parallel_show_what_surrounds_their_mock(wire: Wire):
    given: Any = {"mock": {"result": "[3,4]"}, "inspectionLevel": "TRACE"}
    items = {"list": [1, 2]}
    around = {"input": items, "afterResultSelector": [3, 4], "afterResultPath": [3, 4]}
    fields = {"afterInputPath": items, "afterItemsPath": [1, 2], "maxConcurrency": 0}
    assert shown(tried(wire, SUMS, items, **given)) == {**around, **fields}
    assert shown(tried(wire, FANNED, items, **given)) == around
    jsonata = {name: of for name, of in SUMS.items() if name != "ItemsPath"} | {
        "QueryLanguage": "JSONata",
        "Items": [1],
    }
    assert shown(tried(wire, jsonata, items, **given)) == {"input": items, "maxConcurrency": 0}


def test_the_items_of_a_map_come_before_its_mock(wire: Wire):
    state = SUMS | {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Y"}]}
    for mock in ({"result": "[1]"}, {"errorOutput": {"error": "E"}}):
        found = tried(wire, state, {"list": {}}, mock=mock, inspectionLevel="DEBUG")
        assert shown(found) == {"input": {"list": {}}, "afterInputPath": {"list": {}}}
        del found["inspectionData"]
        cause = 'Reference path "$.list" must point to array.'
        assert found == {"status": "FAILED", "error": "States.Runtime", "cause": cause}


NOWHERE = "arn:aws:lambda:eu-nowhere-7:999999999999:function:nobody"


def test_what_a_state_names_need_not_exist(wire: Wire):
    inside = machine(A={"Type": "Task", "Resource": NOWHERE}, B=task("nobody"))
    queue = machine(C={"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage"})
    fan = {"Type": "Parallel", "Branches": [inside, queue], "End": True}
    assert tried(wire, fan, mock={"result": "[1,2]"})["output"] == "[1,2]"
    states = {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": inside, "End": True}
    assert tried(wire, states, {"list": [1]}, mock={"result": "[1]"})["output"] == "[1]"
    invoke = {**INVOKE, "InputPath": "$", "Parameters": {"FunctionName": NOWHERE}}
    for state in (task("nobody", End=True), task(NOWHERE, End=True), invoke):
        assert tried(wire, state, mock={"errorOutput": {"error": "E"}})["error"] == "E"
    found = tried(wire, task(NOWHERE, End=True))
    assert (found["status"], found["error"]) == ("FAILED", "Lambda.ResourceNotFoundException")
    made = refusal(wire.made, definition=machine(A=task(NOWHERE)))
    assert made[0] == "InvalidDefinition" and "there is no step type" in made[1]
