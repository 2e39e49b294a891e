"""What Tasks tell of their functions, as AWS was recorded to tell it."""

from __future__ import annotations

import json
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
