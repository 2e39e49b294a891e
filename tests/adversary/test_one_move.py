"""What one move may take: whatever the definition and the data, it ends by counting and within its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stepwell.runtime.engine.core import events
from stepwell.runtime.engine.core.commands import SetTimer
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.transition import Transition, transition
from stepwell.runtime.engine.values.limits import EngineLimits
from tests.adversary.one_move import JSONATA, SHAPES

Json = Any

MOST_MEGABYTES = 64
QUERY, RUNTIME, DATA = "States.QueryEvaluationError", "States.Runtime", "States.DataLimitExceeded"
BOUND = "The expressions of one move may take"
LIMITS = EngineLimits(expression_steps=2_000, expression_elements=20_000)
EVIL = "{% $sum([1..5000].($ + 1)) %}"


@pytest.fixture(scope="module")
def taken() -> dict[str, list[Json]]:
    run = [sys.executable, "-m", "tests.adversary.one_move"]
    return dict(json.loads(subprocess.run(run, capture_output=True, check=True).stdout))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_move_takes_so_much_memory_at_most(taken: dict[str, list[Json]], shape: str) -> None:
    megabytes, status, error, cause = taken[shape]
    assert megabytes <= MOST_MEGABYTES
    if shape not in ("all parts of all parts", "wide pictures", "decoded texts"):
        assert status == "FAILED" and error in (QUERY, RUNTIME, DATA), (error, cause)


def test_the_documentation_has_the_figures() -> None:
    text = Path(__file__).parents[2].joinpath("docs/workflows.md").read_text(encoding="utf-8")
    limits = EngineLimits()
    assert f"| steps | {limits.expression_steps} |" in text
    assert f"| elements | {limits.expression_elements} |" in text
    assert f"| writes | {limits.move} bytes |" in text


def moved(states: Json, given: Json = None, **top: Json) -> Transition:
    machine = load({**JSONATA, **top, "StartAt": next(iter(states)), "States": states})
    return transition(machine, Execution("e", "e", "w", given, 0), events.ExecutionStarted(0, 1), LIMITS)


def catching(target: str, **fields: Json) -> Json:
    """A state whose expression exceeds the budget, and which catches that."""
    branch = {"StartAt": "E", "States": {"E": {"Type": "Succeed"}}}
    catch = [{"ErrorEquals": [QUERY], "Next": target}]
    return {"Type": "Parallel", "Arguments": EVIL, "Branches": [branch], "Catch": catch, "End": True, **fields}


def test_the_cause_says_what_was_exceeded() -> None:
    after = moved({"A": {"Type": "Pass", "Output": EVIL, "End": True}}).execution
    assert (after.status, after.error) == ("FAILED", QUERY)
    assert after.cause is not None and f"{BOUND} 2000 JSONata steps at most." in after.cause
    paths = {"Type": "Pass", "QueryLanguage": "JSONPath", "Parameters": {"a.$": "$[*]"}, "End": True}
    after = moved({"A": paths}, [0] * 30_000).execution
    assert (after.status, after.error) == ("FAILED", RUNTIME)
    assert after.cause is not None and f"{BOUND} 20000 elements at most." in after.cause


def test_all_states_of_a_move_share_it() -> None:
    one = {"Type": "Pass", "Output": "{% $sum([1..100].($ + 1)) %}"}
    assert moved({"A": {**one, "End": True}}).execution.status == "COMPLETED"
    states = {f"S{n}": {**one, "Next": f"S{n + 1}"} for n in range(9)} | {"S9": {**one, "End": True}}
    after = moved(states).execution
    assert (after.error, after.frames[""].state) == (QUERY, "S4")


def test_what_catches_the_error_can_still_work() -> None:
    told = {"Type": "Pass", "Output": "{% 'caught ' & $states.input.Error %}", "End": True}
    after = moved({"A": catching("B"), "B": told}).execution
    assert (after.status, after.output) == ("COMPLETED", f"caught {QUERY}")


def test_what_catches_the_error_cannot_go_on_for_ever() -> None:
    move = moved({"A": catching("A")})
    assert (move.execution.status, move.execution.error) == ("FAILED", RUNTIME)
    assert move.execution.cause == f"{BOUND} 2000 JSONata steps at most, and what caught this a tenth more."
    assert len(move.history) < 10 and move.commands == ()
    assert moved({"A": catching("B"), "B": catching("A")}).execution.error == RUNTIME


def test_a_retry_is_another_move() -> None:
    retry = [{"ErrorEquals": [QUERY], "MaxAttempts": 2, "IntervalSeconds": 1}]
    move = moved({"A": catching("B", Retry=retry), "B": {"Type": "Succeed"}})
    timers = [one for one in move.commands if isinstance(one, SetTimer)]
    assert move.execution.status == "IN_PROGRESS" and [one.delay_seconds for one in timers] == [1]


@pytest.mark.parametrize("given", [[0] * 40, [{"n": n} for n in range(40)]])
def test_an_endless_loop_ends(given: Json) -> None:
    again = {"Type": "Choice", "Choices": [{"Condition": "{% $count($states.input) > 0 %}", "Next": "A"}]}
    after = moved({"A": {"Type": "Pass", "Output": "{% $states.input %}", "Next": "B"}, "B": again}, given).execution
    assert (after.status, after.error) == ("FAILED", QUERY)
    more = {"Variable": "$[0]", "IsPresent": True, "Next": "A"}
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Choices": [more]}}
    after = moved(states, given, QueryLanguage="JSONPath").execution
    assert (after.status, after.error) == ("FAILED", RUNTIME)
