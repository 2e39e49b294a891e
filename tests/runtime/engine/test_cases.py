"""Every case in ``cases/`` runs as its file says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwell.runtime.engine import aws_history
from stepwell.runtime.engine.aws_history import Recorded, Setting, TaskData
from stepwell.runtime.engine.definition import flow, steplist, validate
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.definition.steplist import FunctionDefaults
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.arns import Deployment
from stepwell.runtime.engine.values.limits import LIMITS, EngineLimits
from tests.runtime.engine.driver import Driver, Play, Script

Json = Any

CASES = Path(__file__).parent / "cases"
FILES = sorted(CASES.rglob("*.json"))
FUNCTIONS = ("step1", "step2", "fetch", "fetch::PROD", "flaky", "send")
FIELDS = {"source", "definition", "functions", "input", "name", "tasks", "seed", "limits", "expect"}
FIELDS |= {"cancelAfter", "redrives", "aliases"}
DEPLOYMENT = Deployment("us-east-1", "123456789012", "arn:aws:iam::123456789012:role/stepwell")


def read(file: Path) -> Json:
    case = jsontext.read(file.read_bytes(), depth=128)
    assert case.keys() <= FIELDS, f"unknown fields {sorted(case.keys() - FIELDS)}"
    return case


def machine_of(case: Json) -> StateMachine:
    """The machine of a case's definition, which must be valid."""
    own = {name: FunctionDefaults(**said) for name, said in case.get("functions", {}).items()}
    definition = case["definition"]
    if "flow" in definition:
        assert validate.flow(definition["flow"], FUNCTIONS) == []
        compiled = flow.compile(definition["flow"], own)
    else:
        aliases = case.get("aliases", {})
        assert validate.workflow(definition, FUNCTIONS, aliases=aliases) == []
        if not validate.is_step_list(definition):
            return load(definition, aliases=aliases, deployment=DEPLOYMENT)
        compiled = steplist.compile(definition, own)
    return load(json.loads(json.dumps(compiled.machine)), compiled.plan, deployment=DEPLOYMENT)


def play(case: Json) -> Play:
    script = Script(case.get("tasks", {}))
    limits = EngineLimits(**case["limits"]) if "limits" in case else LIMITS
    about = {"seed": case.get("seed", 0), "limits": limits, "name": case.get("name", "e-1"), "runs": script.of}
    driver = Driver(machine_of(case), case.get("input", {}), script, **about)
    played = driver.run(case.get("cancelAfter"))
    for count in range(1, case.get("redrives", 0) + 1):
        played = driver.redrive(count)
    assert not script.unused, f"never called as often as scripted: {script.unused}"
    return played


def events(played: Play, definition: Json) -> list[Json]:
    """The history as GetExecutionHistory gives it, without the times."""
    return [
        {name: value for name, value in event.items() if name != "timestamp"}
        for event in aws_history.rendered(lines_of(played), setting_of(played, definition))
    ]


def lines_of(played: Play) -> list[Recorded]:
    return [
        Recorded(number, one.type, at, one.frame, one.step, one.details)
        for number, (one, at) in enumerate(zip(played.history, played.times, strict=True), 1)
    ]


def setting_of(played: Play, definition: Json) -> Setting:
    execution = played.execution
    texts = {
        task.number: TaskData(
            jsontext.write(task.input),
            jsontext.write(played.results[task.number]) if task.number in played.results else None,
        )
        for task in played.dispatched
    }
    return Setting(
        identity=execution.id,
        input=jsontext.write(execution.input),
        output=jsontext.write(execution.output),
        execution={},
        resources=aws_history.resources_of(definition) if "States" in definition else {},
        tasks=texts,
    )


def told(played: Play, definition: Json) -> list[str]:
    """The type and the state of each event."""
    kinds = [event["type"] for event in events(played, definition)]
    return [kind if one.step is None else f"{kind} {one.step}" for kind, one in zip(kinds, played.history, strict=True)]


SEEN: dict[str, Callable[[Play], Json]] = {
    "status": lambda played: played.execution.status,
    "output": lambda played: played.execution.output,
    "error": lambda played: played.execution.error,
    "cause": lambda played: played.execution.cause,
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


RENDERED: dict[str, Callable[[Play, Json], Json]] = {"history": told, "events": events}


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_case(file: Path) -> None:
    case = read(file)
    expected = case["expect"]
    assert case["source"]
    if "faults" in expected:
        faults = validate.workflow(case["definition"], FUNCTIONS)
        assert sorted(f"{fault.path}: {fault.message}" for fault in faults) == sorted(expected["faults"])
        return
    played = play(case)
    assert "status" in expected
    seen = {what: SEEN[what](played) for what in expected if what in SEEN}
    seen |= {what: RENDERED[what](played, case["definition"]) for what in expected if what in RENDERED}
    if "inputs" in expected:  # a case speaks of the steps it is about
        seen["inputs"] = {step: calls for step, calls in seen["inputs"].items() if step in expected["inputs"]}
    assert as_text(seen) == as_text(expected)


def as_text(value: Json) -> str:
    """The JSON text of a value. 1 and true differ; 0 and 0.0 do not: equal numbers have the same text."""
    return json.dumps(_plain(value), indent=1, sort_keys=True)


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def test_there_are_as_many_as_the_language_needs() -> None:
    whole = [file for file in FILES if "events" in read(file)["expect"]]
    assert len(FILES) >= 400 and len(whole) >= 40
