from __future__ import annotations

from typing import Any

import pytest

from stepwell.functions.errors.step_functions import ValidationException
from stepwell.runtime.aws.step_functions.test_context import check, made_up

Json = Any

AT = 1_795_489_200_000
SYNC = "arn:aws:states:::states:startExecution.sync:2"
TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
PLAIN = "arn:aws:states:::sqs:sendMessage"
NOT_SYNC = (
    "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
    "service integration pattern"
)


@pytest.mark.parametrize(
    ("context", "resource"),
    [
        ({}, ""),
        ({"Execution": {}, "State": {}, "StateMachine": {}}, PLAIN),
        ({"Execution": {"Id": "i", "Input": [1], "Name": "n", "RoleArn": "r", "StartTime": "now"}}, PLAIN),
        ({"State": {"EnteredTime": "now", "Name": "n", "RetryCount": 2}}, PLAIN),
        ({"StateMachine": {"Id": "i", "Name": "n"}}, ""),
        *(({"Task": {"Token": "t"}}, one) for one in (SYNC, TOKEN, "arn:aws:states:::ecs:runTask.sync")),
    ],
)
def test_a_context_that_may_be_given(context: Json, resource: str) -> None:
    assert check(context, resource) == context


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"Nope": {}}, "Field 'Nope' is not allowed"),
        ({"Execution": {"RedriveCount": 0}}, "Field 'RedriveCount' is not allowed"),
        ({"StateMachine": {"Arn": "a"}}, "Field 'Arn' is not allowed"),
        ({"Execution": {"Id": 1}}, "Execution.Id must be a string"),
        ({"Execution": {"Name": None}}, "Execution.Name must be a string"),
        ({"State": {"RetryCount": "1"}}, "State.RetryCount must be a number"),
        ({"State": {"RetryCount": True}}, "State.RetryCount must be a number"),
        ({"Execution": []}, "Execution must be an object"),
        ([], "Context must be an object"),
        (None, "Context must be an object"),
        ({"Map": {"Item": {"Index": 0}}}, "'Map' field is not supported when mocking a Context object"),
        ({"Task": {"Token": "t"}}, NOT_SYNC),
    ],
)
def test_a_context_that_may_not_be_given(context: Json, said: str) -> None:
    with pytest.raises(ValidationException) as caught:
        check(context, PLAIN)
    assert str(caught.value) == f"Invalid Context object provided: {said}"


def test_a_context_that_is_made_up() -> None:
    found = made_up({"a": 1}, 2, None, AT, PLAIN)
    name, machine = found["Execution"]["Name"], found["StateMachine"]["Name"]
    start = "2026-11-24T03:00:00.000Z"
    assert found == {
        "Execution": {
            "Id": f"arn:aws:states:us-east-1:123456789012:express:{machine}:{name}",
            "Input": {"a": 1},
            "Name": name,
            "RoleArn": None,
            "StartTime": start,
        },
        "StateMachine": {"Id": f"arn:aws:states:us-east-1:123456789012:stateMachine:{machine}", "Name": machine},
        "State": {"Name": "StateName", "EnteredTime": start, "RetryCount": 2},
    }
    again = made_up({"a": 1}, 2, "role", AT, PLAIN)
    assert again["Execution"]["RoleArn"] == "role"
    assert len({name, machine, again["Execution"]["Name"], again["StateMachine"]["Name"]}) == 4


def test_a_state_that_waits_for_an_answer_has_a_token() -> None:
    assert made_up({}, 0, None, AT, TOKEN)["Task"]["Token"]
    assert "Task" not in made_up({}, 0, None, AT, SYNC)
