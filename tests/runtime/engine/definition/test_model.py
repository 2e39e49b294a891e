"""``load``: the specification's defaults, and the function that a Resource names."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import (
    ROOT,
    Catcher,
    ParallelState,
    PassState,
    PlannedTask,
    Retrier,
    TaskState,
)
from stepwell.runtime.engine.definition.resources import Resource
from tests.runtime.engine.scopes import scope

Json = Any


def task(**fields: Json) -> TaskState:
    state = load({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True, **fields}}}).states[
        "A"
    ]
    assert isinstance(state, TaskState)
    return state


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


def test_a_task_that_waits_for_a_token_is_answered() -> None:
    state = task(Resource="arn:aws:states:::lambda:invoke.waitForTaskToken", Parameters={"FunctionName": "send"})
    assert (state.call, state.is_answered) == (Resource("invoke", "lambda:invoke", waits_for_token=True), True)
