"""Every file of ``cases/`` happens as it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.engine import flow, jsontext, steplist, validate
from runtime.engine.definition import StateMachine
from runtime.engine.execution import HistoryEvent
from runtime.engine.limits import LIMITS, EngineLimits
from runtime.engine.load import load
from runtime.engine.steplist import FunctionDefaults
from tests.runtime.engine.driver import Driver, Play, Script

Json = Any

CASES = Path(__file__).parent / "cases"
FILES = sorted(CASES.glob("*.json"))
FUNCTIONS = ("step1", "step2", "fetch", "fetch::PROD", "flaky", "send")
FIELDS = {"source", "definition", "functions", "input", "tasks", "seed", "limits", "cancelAfter", "expect"}


def read(file: Path) -> Json:
    case = jsontext.read(file.read_bytes(), depth=128)
    assert case.keys() <= FIELDS, f"unknown fields {sorted(case.keys() - FIELDS)}"
    return case


def machine_of(case: Json) -> StateMachine:
    """The machine of a case's definition, which must be a valid one."""
    own = {name: FunctionDefaults(**said) for name, said in case.get("functions", {}).items()}
    definition = case["definition"]
    if "flow" in definition:
        assert validate.flow(definition["flow"], FUNCTIONS) == []
        compiled = flow.compile(definition["flow"], own)
    else:
        assert validate.workflow(definition, FUNCTIONS) == []
        if not validate.is_step_list(definition):
            return load(definition)
        compiled = steplist.compile(definition, own)
    return load(json.loads(json.dumps(compiled.machine)), compiled.plan)


def play(case: Json) -> Play:
    script = Script(case.get("tasks", {}))
    limits = EngineLimits(**case["limits"]) if "limits" in case else LIMITS
    driver = Driver(machine_of(case), case.get("input", {}), script, seed=case.get("seed", 0), limits=limits)
    played = driver.run(case.get("cancelAfter"))
    assert not script.unused, f"never called as often as scripted: {script.unused}"
    return played


def line(event: HistoryEvent) -> str:
    return event.type if event.step is None else f"{event.type} {event.step}"


SEEN: dict[str, Callable[[Play], Json]] = {
    "status": lambda played: played.execution.status,
    "output": lambda played: played.execution.output,
    "error": lambda played: played.execution.error,
    "cause": lambda played: played.execution.cause,
    "history": lambda played: [line(event) for event in played.history],
    "historyCount": lambda played: played.execution.history_count,
    "delays": lambda played: [timer.delay_seconds for timer in played.timers],
    "dispatched": lambda played: [task.step for task in played.dispatched],
    "retries": lambda played: [task.retry for task in played.dispatched],
    "timeouts": lambda played: {task.step: task.timeout_seconds for task in played.dispatched},
    "inputs": lambda played: played.inputs,
    "tasks": lambda played: played.tasks,
    "cancelled": lambda played: played.cancelled,
    "seconds": lambda played: played.milliseconds / 1000,
}


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_case(file: Path) -> None:
    case = read(file)
    played = play(case)
    expected = case["expect"]
    assert case["source"] and "status" in expected
    seen = {what: SEEN[what](played) for what in expected}
    if "inputs" in expected:  # a case speaks of the steps it is about
        seen["inputs"] = {step: calls for step, calls in seen["inputs"].items() if step in expected["inputs"]}
    assert as_text(seen) == as_text(expected)


def as_text(value: Json) -> str:
    """JSON tells 1 from true and, here, 0 from 0.0 not: numbers that are equal are written alike."""
    return json.dumps(_plain(value), indent=1, sort_keys=True)


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def test_there_are_cases() -> None:
    assert len(FILES) >= 70
