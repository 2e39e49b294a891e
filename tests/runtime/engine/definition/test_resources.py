"""A Task's Resource: function, integration or activity."""

from __future__ import annotations

import pytest

from stepwell.runtime.engine.definition.resources import (
    ACTIVITY,
    FOREIGN,
    FUNCTION,
    INVOKE,
    START,
    Resource,
    aliases_for,
    function_of,
    read,
)

LAMBDA = "arn:aws:lambda:eu-west-1:000000000000:function"
QUEUE = "arn:aws:states:::sqs:sendMessage"


@pytest.mark.parametrize(
    ("resource", "function"),
    [
        ("step1", "step1"),
        (f"{LAMBDA}:send", "send"),
        (f"{LAMBDA}:send:PROD", "send::PROD"),
        (f"{LAMBDA}:send:$LATEST", "send"),
        ("arn:aws-cn:lambda:cn-north-1:000000000000:function:send", "send"),
        ("000000000000:function:send", "send"),
        ("function:send", "send"),
        ("send:PROD", "send::PROD"),
        ("arn:aws:lambda:eu-west-1:000000000000:layer:x:1", "arn:aws:lambda:eu-west-1:000000000000:layer:x:1"),
        ("", ""),
    ],
)
def test_the_function_that_a_resource_names(resource: str, function: str) -> None:
    assert function_of(resource) == function
    assert read(resource) == Resource(FUNCTION, function)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("arn:aws:states:::lambda:invoke", Resource(INVOKE, "lambda:invoke")),
        ("arn:aws-us-gov:states:::lambda:invoke", Resource(INVOKE, "lambda:invoke")),
        ("arn:aws:states:::lambda:invoke.waitForTaskToken", Resource(INVOKE, "lambda:invoke", True)),
        ("arn:aws:states:eu-west-1:000000000000:activity:ask", Resource(ACTIVITY, "ask")),
        (QUEUE, Resource(FOREIGN, "sqs:sendMessage")),
        (f"{QUEUE}.waitForTaskToken", Resource(FOREIGN, "sqs:sendMessage", True)),
        ("arn:aws:states:::aws-sdk:s3:getObject", Resource(FOREIGN, "aws-sdk:s3:getObject")),
        ("arn:aws:states:::states:startExecution", Resource(START, "states.startExecution")),
        ("arn:aws:states:::states:startExecution.sync", Resource(START, "states.startExecution.sync", True)),
        ("arn:aws:states:::ecs:runTask.sync", Resource(FOREIGN, "ecs:runTask")),
        ("arn:aws:states:::states:startExecution.sync:2", Resource(START, "states.startExecution.sync.2", True)),
    ],
)
def test_what_a_resource_is(resource: str, expected: Resource) -> None:
    assert read(resource) == expected


@pytest.mark.parametrize("text", ["Charge-1A2B", f"{LAMBDA}:Charge-1A2B", f"{LAMBDA}:Charge-1A2B:P", "Charge-1A2B:P"])
def test_a_function_may_stand_for_one_of_another_name(text: str) -> None:
    assert read(text, {"Charge-1A2B": "charge"}) == Resource(FUNCTION, "charge")
    assert function_of(text, {"Charge-1A2B": "other", text: "charge"}) == "charge"


def test_a_machine_keeps_the_aliases_that_it_may_need() -> None:
    aliases = {QUEUE: "send", "arn:aws:states:::sns:publish": "publish", "Charge-1A2B": "charge", "Refund": "refund"}
    assert aliases_for([QUEUE, f"{LAMBDA}:Refund:1"], aliases) == {QUEUE: "send", "Refund": "refund"}
    assert aliases_for(["arn:aws:states:::lambda:invoke"], aliases) == {"Charge-1A2B": "charge", "Refund": "refund"}


def test_a_function_may_stand_for_any_resource() -> None:
    aliases = {QUEUE: "send", f"{QUEUE}.waitForTaskToken": "ask"}
    assert read(QUEUE, aliases) == Resource(FUNCTION, "send")
    assert read(f"{QUEUE}.waitForTaskToken", aliases) == Resource(FUNCTION, "ask", waits_for_token=True)
