"""What ``load`` makes of a document: the specification's defaults, and which function a Resource names."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.engine.definition import (
    ROOT,
    WITH_TOKEN,
    Catcher,
    ParallelState,
    PassState,
    PlannedTask,
    Retrier,
    TaskState,
    function_of,
)
from runtime.engine.load import load
from tests.runtime.engine.scopes import scope

Json = Any

LAMBDA = "arn:aws:lambda:eu-west-1:000000000000:function"


def task(**fields: Json) -> TaskState:
    state = load({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True, **fields}}}).states[
        "A"
    ]
    assert isinstance(state, TaskState)
    return state


@pytest.mark.parametrize(
    ("resource", "function"),
    [
        ("step1", "step1"),
        (f"{LAMBDA}:send", "send"),
        (f"{LAMBDA}:send:PROD", "send"),
        ("arn:aws-cn:lambda:cn-north-1:000000000000:function:send", "send"),
        ("arn:aws:states:::sns:publish", "arn:aws:states:::sns:publish"),
        ("arn:aws:lambda:eu-west-1:000000000000:layer:x:1", "arn:aws:lambda:eu-west-1:000000000000:layer:x:1"),
        ("", ""),
    ],
)
def test_the_function_that_a_resource_names(resource: str, function: str) -> None:
    assert function_of(resource) == function


def test_the_defaults_are_the_specifications() -> None:
    state = task(Retry=[{"ErrorEquals": ["E"]}], Catch=[{"ErrorEquals": ["E"], "Next": "A"}])
    assert state.retriers == (Retrier(("E",), 1, 3, 2.0, None, False),)
    assert state.catchers == (Catcher(("E",), "A", ROOT),)
    assert (state.input_path, state.result_path, state.output_path) == (ROOT, ROOT, ROOT)
    assert (state.parameters, state.result_selector, state.timeout_seconds, state.next) == (None, None, None, None)


@pytest.mark.parametrize(("strategy", "jitter"), [("FULL", True), ("NONE", False)])
def test_a_jitter_strategy(strategy: str, jitter: bool) -> None:
    (retrier,) = task(Retry=[{"ErrorEquals": ["E"], "JitterStrategy": strategy}]).retriers
    assert retrier.full_jitter is jitter


def test_null_is_not_the_same_as_nothing() -> None:
    state = task(InputPath=None, ResultPath=None, OutputPath=None, Parameters=None)
    assert (state.input_path, state.result_path, state.output_path) == (None, None, None)
    assert state.parameters is not None and state.parameters.value(scope({})) is None


@pytest.mark.parametrize(("body", "has"), [({}, False), ({"Result": None}, True), ({"Result": 0}, True)])
def test_a_falsy_result_is_a_result(body: Json, has: bool) -> None:
    state = load({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, **body}}}).states["A"]
    assert isinstance(state, PassState) and state.has_result is has


def test_a_planned_task_is_found_in_any_branch() -> None:
    inner = {"StartAt": "B", "States": {"B": {"Type": "Task", "Resource": "f", "End": True}}}
    outer = {"A": {"Type": "Parallel", "Branches": [inner], "End": True}}
    machine = load({"StartAt": "A", "States": outer, "TimeoutSeconds": 5}, (PlannedTask(3, "B", "f", {}),))
    fan = machine.states["A"]
    assert isinstance(fan, ParallelState)
    found = fan.branches[0].states["B"]
    assert isinstance(found, TaskState) and found.number == 3
    assert (machine.timeout_seconds, fan.branches[0].timeout_seconds) == (5, None)


def test_a_task_that_waits_for_a_token_calls_the_function_it_names() -> None:
    parameters = {"FunctionName": f"{LAMBDA}:send", "Payload": {"token.$": "$$.Task.Token"}}
    state = task(Resource=WITH_TOKEN, Parameters=parameters)
    assert (state.function, state.waits_for_token, state.resource) == ("send", True, WITH_TOKEN)
    assert state.parameters is not None
    assert state.parameters.value(scope({}, {"Task": {"Token": "t"}})) == {"token": "t"}
