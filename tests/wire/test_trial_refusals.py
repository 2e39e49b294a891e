from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from stepwell.functions.contract.state_tests import StateTest
from stepwell.functions.errors.step_functions import InvalidDefinition, ValidationException
from tests.runtime.stage import machine, task
from tests.wire.client import ROLE, Wire, refusal
from tests.wire.trials import DISTRIBUTED, FANNED, INVOKE, NESTED, READ, SUMS, TOLERANT, WRITTEN

Json = Any


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"definition": "{"}, "InvalidDefinition"),
        ({"definition": "[]"}, "InvalidDefinition"),
        ({"definition": json.dumps({"Type": "Nope"})}, "InvalidDefinition"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"definition": json.dumps(FANNED)}, "InvalidDefinition"),
        ({"mock": {}}, "ValidationException"),
        ({"mock": {"result": "{"}}, "ValidationException"),
    ],
)
def test_what_cannot_be_tried(wire: Wire, given: Json, code: str):
    valid = {"definition": json.dumps(task("step1", End=True)), "roleArn": ROLE}
    assert refusal(wire.client.test_state, **{**valid, **given})[0] == code


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
    assert wire.client.test_state(definition=definition, roleArn=ROLE, revealSecrets=True)["status"] == "SUCCEEDED"


ROLELESS = "RoleArn must be specified when testing a Task state"
TOO_FAR = "Map iteration failure count must be less than or equal to the number of Map iterations"
DEFINITION = "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: "
TYPES = "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]"
EMPTY = {"Type": "Parallel", "Branches": [], "End": True}
ONE_FAILED = {"stateConfiguration": {"mapIterationFailureCount": 1}}
WITHOUT_SQL: list[tuple[Json, Json, str, str]] = [
    (task("step1", End=True), {}, "ValidationException", ROLELESS),
    (machine(A={"Type": "Pass"}), {"stateName": "B"}, "ValidationException", "State not found in definition"),
    ({"Type": "Pass", "End": True}, {"stateName": "A"}, "ValidationException", "State not found in definition"),
    (SUMS, {"mock": {"result": "nope"}}, "ValidationException", "Mocked result must be valid JSON"),
    (EMPTY, {}, "InvalidDefinition", f"{DEFINITION}Value cannot be empty at /States/StateName/Branches'"),
    (
        EMPTY,
        {"mock": {"result": "[]"}},
        "InvalidDefinition",
        f"{DEFINITION}Value cannot be empty at /States/StateName/Branches'",
    ),
    ({"Type": "Tsk", "End": True}, {}, "InvalidDefinition", f"{DEFINITION}{TYPES} at /States/StateName/Type'"),
    (
        machine(A={"Type": "Pass"}, B={"Type": "Pas"}),
        {"stateName": "B"},
        "InvalidDefinition",
        f"{DEFINITION}{TYPES} at /States/B/Type'",
    ),
    *(
        (
            state,
            ONE_FAILED,
            "ValidationException",
            "TestState does not support MapIterationFailureCount when a mock is not specified.",
        )
        for state in (SUMS, FANNED)
    ),
    (
        SUMS,
        {"mock": {"result": "[]"}, "context": '{"Map":{}}'},
        "ValidationException",
        "Invalid Context object provided: 'Map' field is not supported when mocking a Context object",
    ),
    (
        SUMS,
        {"mock": {"result": "[]"}, "context": "{"},
        "ValidationException",
        "Invalid Context object provided: ",
    ),
]


@pytest.mark.parametrize("place", range(len(WITHOUT_SQL)))
@pytest.mark.no_rows
def test_what_is_refused_in_aws_s_words(wire: Wire, place: int):
    definition, given, code, said = WITHOUT_SQL[place]
    found = refusal(wire.client.test_state, definition=json.dumps(definition), **given)
    assert found[0] == code and (found[1] == said or (said.endswith(": ") and found[1].startswith(said)))


def test_more_failures_than_a_map_has_items(wire: Wire):
    call = {"definition": json.dumps(SUMS), "mock": {"result": "[1]"}, **ONE_FAILED}
    assert refusal(wire.client.test_state, input='{"list":[]}', **call) == ("ValidationException", TOO_FAR)
    assert wire.client.test_state(input='{"list":[1]}', **call)["status"] == "SUCCEEDED"


def test_an_integration_that_does_not_run_here_needs_a_mock(wire: Wire):
    definition = json.dumps(task("arn:aws:states:::sqs:sendMessage", End=True))
    assert refusal(wire.client.test_state, definition=definition) == ("ValidationException", ROLELESS)
    code, message = refusal(wire.client.test_state, definition=definition, roleArn=ROLE)
    assert code == "InvalidDefinition" and "does not run here" in message


@pytest.mark.parametrize(
    ("resource", "result", "said"),
    [
        ("aws-sdk:lambda:invoke", {"Payload": {}}, "Field 'Payload' must be a string"),
        ("lambda:invoke", {"Payload": {}}, None),
        ("lambda:invoke.waitForTaskToken", 5, None),
        ("dynamodb:putItem", {"Attributes": {"a": {"S": 1}}}, "Field 'S' must be a string"),
        ("aws-sdk:sqs:sendMessage", {"MessageId": 5}, "Field 'MessageId' must be a string"),
        ("states:startExecution.sync:2", {"ExecutionArn": "e", "StateMachineArn": "m"}, "Required field 'Status' is"),
        (
            "states:startExecution.sync:2",
            {"ExecutionArn": "e", "StateMachineArn": "m", "Status": "DONE"},
            "Field 'Status' is not an expected value",
        ),
        (
            "states:startExecution.sync:2",
            {"ExecutionArn": "e", "StateMachineArn": "m", "Status": "SUCCEEDED", "Output": {"a": 1}, "StartDate": 1},
            None,
        ),
        ("ecs:runTask.sync", {"Anything": 1}, None),
    ],
)
def test_a_mock_is_held_against_the_model_of_its_service(wire: Wire, resource: str, result: Json, said: str | None):
    call = {
        "definition": json.dumps({"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True}),
        "mock": {"result": json.dumps(result)},
    }
    if said is None:
        assert json.loads(wire.client.test_state(**call)["output"]) == result
    else:
        code, message = refusal(wire.client.test_state, **call)
        assert code == "ValidationException" and message.startswith(f"{SCHEMA}{said}")


@pytest.mark.parametrize("variables", ["null", "1", "[]", '["v"]', '"v"'])
@pytest.mark.no_rows
def test_variables_that_are_no_object(wire: Wire, variables: str):
    call = {"definition": json.dumps(INVOKE), "mock": {"result": "{}"}}
    assert refusal(wire.client.test_state, variables=variables, **call)[0] == "ValidationException"


BAD = (None, True, "$.x", [1], [None], {}, [{"Next": 5}])


@pytest.mark.parametrize(("name", "result"), [("A", "{}"), ("I", None), ("C", "[1,2]"), ("D", "[1]")])
def test_a_definition_with_one_wrong_value_is_tried_or_refused(wire: Wire, name: str, result: str | None):
    reading = {**TOLERANT, "ItemReader": READ}
    del reading["ItemsPath"]
    whole = {"StartAt": "A", "States": {"A": INVOKE | {"Next": "B"}, "B": SUMS, "C": FANNED, "D": reading}}
    tests = wire.stage.runtime.api_context("id").state_tests
    mock = None if result is None else {"result": result}
    refused = 0
    for place in places(whole):
        for bad in BAD:
            definition = json.dumps(with_value(whole, place, bad))
            try:
                tests.run(StateTest(definition, name, '{"in":{"n":1},"list":[1]}', "{}", None, mock, 0))
            except (InvalidDefinition, ValidationException):
                refused += 1
    assert refused > 25


def places(value: Json, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of each value inside a value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in members:
        yield (*place, step)
        yield from places(one, (*place, step))


def with_value(value: Json, place: tuple[Any, ...], new: Json) -> Json:
    """A copy of a value with another one at this place."""
    changed = copy.deepcopy(value)
    parent = changed
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = new
    return changed
