"""The limits on a running execution: its payloads, the sum of its results, the depth of its data, its history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepwell.functions.errors import PayloadTooLarge
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.settings import Limits
from tests.runtime.stage import Stage, machine, parallel, raises, returns, staged, steps, task

Json = Any

KIB = 1 << 10
LIMIT = 256 * KIB
TOO_LARGE, RUNTIME = "States.DataLimitExceeded", "States.Runtime"
PASS = {"Type": "Pass"}
HISTORY, DEPTH = 30, 12


@pytest.fixture
def short(stage: Stage) -> Stage:
    """A stage with low limits on the history and on the depth of data."""
    stage.executions._mover.limits = EngineLimits(history=HISTORY, depth=DEPTH)
    return stage


def text(size: int) -> str:
    """A string whose JSON text has this many bytes."""
    return "x" * (size - 2)


def ended(stage: Stage, definition: Json, given: Json = None) -> Any:
    """Runs an execution to its end and checks that nothing is left open; returns its row."""
    identity = stage.start(definition, given)
    stage.run()
    assert stage.left_open(identity) == []
    return stage.execution(identity)


@pytest.mark.parametrize("given", [text(LIMIT), {"a": text(LIMIT - 6)}, "€" * ((LIMIT - 2) // 3)])
def test_an_input_at_the_limit_is_taken(stage: Stage, given: Json) -> None:
    row = ended(stage, machine(A=PASS), given)
    assert (row.status, json.loads(row.output)) == ("COMPLETED", given)


@pytest.mark.parametrize("given", [text(LIMIT + 1), {"a": text(LIMIT - 5)}, "€" * (LIMIT // 3 + 1), [0] * LIMIT])
def test_an_input_over_the_limit_starts_nothing(stage: Stage, given: Json) -> None:
    with pytest.raises(PayloadTooLarge, match="262144 bytes") as refused:
        stage.start(machine(A=PASS), given)
    assert refused.value.path == "$.input"


def test_results_that_are_too_large_together_fail_the_execution(stage: Stage) -> None:
    stage.script.let("step1", returns(text(60 * KIB)))
    row = ended(stage, steps(*["step1"] * 6))
    assert (row.status, row.error, row.output) == ("FAILED", TOO_LARGE, None)
    assert "exceeding the maximum number of bytes" in row.cause
    assert stage.statuses(row.id) == ["COMPLETED", "COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "CANCELLED"]


def test_results_of_a_group_that_are_too_large_together_fail_the_execution(stage: Stage) -> None:
    stage.script.let("step1", returns(text(60 * KIB)))
    row = ended(stage, {"steps": [{"parallel": [{"taskName": "step1"}] * 5}, {"taskName": "step2"}]})
    assert (row.status, row.error) == ("FAILED", TOO_LARGE)
    assert stage.statuses(row.id)[-1] == "CANCELLED"


@pytest.mark.parametrize("path", ["hot", "general"])
def test_a_result_that_makes_the_state_s_data_too_large_fails_the_task(stage: Stage, path: str) -> None:
    work = task("step1", ResultPath="$.result")
    stage.script.let("step1", returns(text(200 * KIB)))
    identity = stage.start(machine(A=work, B=PASS), {"given": text(100 * KIB)})
    claim = stage.claim(identity)
    (stage.succeed if path == "hot" else stage.succeed_slowly)(claim, text(200 * KIB))
    row = stage.execution(identity)
    assert (row.status, row.error, stage.task(identity).status) == ("FAILED", TOO_LARGE, "FAILED")


@pytest.mark.parametrize("by", [TOO_LARGE, "States.ALL", "States.TaskFailed"])
def test_too_much_data_is_caught_by_its_own_name_alone(stage: Stage, by: str) -> None:
    catch = [{"ErrorEquals": [by], "ResultPath": "$.caught", "Next": "Caught"}]
    stage.script.let("step1", returns(text(200 * KIB)))
    work = task("step1", ResultPath="$.result", Catch=catch)
    row = ended(stage, machine(A=work, B=PASS, Caught={"Type": "Succeed"}), {"given": text(100 * KIB)})
    assert row.status == ("COMPLETED" if by == TOO_LARGE else "FAILED")


def test_data_that_a_template_multiplies_is_refused(stage: Stage) -> None:
    row = ended(stage, machine(A={**PASS, "Parameters": {"a.$": "$", "b.$": "$"}}), text(200 * KIB))
    assert (row.status, row.error) == ("FAILED", TOO_LARGE)
    row = ended(stage, machine(A={**PASS, "Parameters": {"a.$": "States.Format('{}{}', $, $)"}}), text(200 * KIB))
    assert (row.status, row.error) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(("count", "status"), [(16, "COMPLETED"), (19, "FAILED")])
@pytest.mark.parametrize("how", ["items", "branches"])
def test_results_that_would_not_fit_the_memory_are_not_joined(stage: Stage, how: str, count: int, status: str) -> None:
    stage.script.let("step1", returns(text(120 * KIB)))
    branches = [machine(**{f"S{n}": task("step1")}) for n in range(count)]
    of_items = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": branches[0]}
    state = of_items if how == "items" else parallel(*branches)
    row = ended(stage, machine(A={**state, "ResultSelector": {"n.$": "States.ArrayLength($)"}}), {"items": [0] * count})
    assert (row.status, row.error) == (status, None if status == "COMPLETED" else TOO_LARGE)
    assert row.output == (json.dumps({"n": count}, separators=(",", ":")) if status == "COMPLETED" else None)


def test_data_that_nests_ever_deeper_is_refused(short: Stage) -> None:
    deeper = {**PASS, "Parameters": {"a.$": "$"}}
    row = ended(short, machine(**{f"S{n}": deeper for n in range(DEPTH + 1)}), {})
    assert (row.status, row.error) == ("FAILED", RUNTIME)
    assert f"nested deeper than {DEPTH}" in row.cause


def test_the_limits_of_the_settings_are_the_limits_of_the_core(tmp_path: Path) -> None:
    own = Limits(payload=1_000, history=77)
    with staged(f"sqlite:///{tmp_path / 'stepwell.db'}", tmp_path, limits=own) as stage:
        assert stage.executions.limits == EngineLimits(payload=1_000, history=77)


@pytest.mark.parametrize(
    "definition",
    [
        machine(**{f"S{n}": PASS for n in range(HISTORY)}),
        steps(*["step1"] * HISTORY),
        {"steps": [{"parallel": [{"taskName": "step1"}] * HISTORY}]},
        steps("flaky", retry={"maxAttempts": 1_000, "intervalSeconds": 0}),
    ],
    ids=["states", "steps", "branches", "retries"],
)
def test_an_execution_whose_history_is_full_fails(short: Stage, definition: Json) -> None:
    short.script.let("flaky", raises("Flaky"))
    row = ended(short, definition)
    assert (row.status, row.error) == ("FAILED", RUNTIME)
    assert row.cause == f"The execution reached the maximum number of history events ({HISTORY})."
    lines = short.history(row.id)
    assert lines[-1] == "ExecutionFailed"
    assert len(lines) <= HISTORY + 1
    assert set(short.statuses(row.id)) <= {"COMPLETED", "FAILED", "CANCELLED"}


@pytest.mark.parametrize("by", [RUNTIME, "States.ALL"])
def test_a_full_history_can_be_caught_by_nobody(short: Stage, by: str) -> None:
    work = task("flaky", Retry=[{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 1_000}])
    caught = {"Type": "Pass", "End": True}
    short.script.let("flaky", raises("Flaky"))
    row = ended(short, machine(A={**work, "Catch": [{"ErrorEquals": [by], "Next": "Caught"}]}, Caught=caught))
    assert (row.status, row.error) == ("FAILED", RUNTIME)
