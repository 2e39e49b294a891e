"""A state machine as values: what ``load`` makes of an Amazon States Language document that ``validate`` has passed.

Loaded once per workflow version and shared by every execution of it; nothing here is ever written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.engine.choice_rules import Rule
from runtime.engine.choice_rules import compile as compile_rule
from runtime.engine.paths import Path, parse
from runtime.engine.templates import Template
from runtime.engine.templates import compile as compile_template

Json = Any

ROOT = parse("$")

WITH_TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"
"""The resource whose handler is given a task token, ``$$.Task.Token``, and whose result is what answers it."""


@dataclass(frozen=True)
class Retrier:
    """One entry of ``Retry``, with the specification's defaults."""

    error_equals: tuple[str, ...]
    interval_seconds: float = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: float | None = None
    full_jitter: bool = False


@dataclass(frozen=True)
class Catcher:
    """One entry of ``Catch``: which errors, where to, and where in the input the error output goes (None: nowhere)."""

    error_equals: tuple[str, ...]
    next: str
    result_path: Path | None = ROOT


@dataclass(frozen=True)
class State:
    """What all states share. ``next`` is None for a state that ends its machine."""

    name: str
    next: str | None = None
    input_path: Path | None = ROOT
    output_path: Path | None = ROOT


@dataclass(frozen=True)
class PassState(State):
    parameters: Template | None = None
    result: Json = None
    has_result: bool = False
    result_path: Path | None = ROOT


@dataclass(frozen=True)
class WaitState(State):
    seconds: float = 0


@dataclass(frozen=True)
class ChoiceState(State):
    """``default`` is where it goes when no rule holds; None: nowhere, which is an error."""

    rules: tuple[Rule, ...] = ()
    default: str | None = None


@dataclass(frozen=True)
class SucceedState(State):
    pass


@dataclass(frozen=True)
class FailState(State):
    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True)
class WorkState(State):
    """What Task and Parallel share: a result that may be selected, placed, retried and caught."""

    parameters: Template | None = None
    result_selector: Template | None = None
    result_path: Path | None = ROOT
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()


@dataclass(frozen=True)
class TaskState(WorkState):
    function: str = ""
    resource: str = ""
    timeout_seconds: float | None = None
    waits_for_token: bool = False
    """Whether the handler's return ends nothing: whoever holds the task token answers later."""
    number: int | None = None
    """Which of the execution's planned tasks this is; None when a visit makes a task of its own."""


@dataclass(frozen=True)
class ParallelState(WorkState):
    branches: tuple[StateMachine, ...] = ()


@dataclass(frozen=True)
class PlannedTask:
    """A task that is known before the execution begins: one a step of a step list, in its order, from 1."""

    number: int
    step: str
    function: str
    data: Json


@dataclass(frozen=True)
class StateMachine:
    start_at: str
    states: Mapping[str, State]
    timeout_seconds: float | None = None
    plan: tuple[PlannedTask, ...] = field(default=(), compare=False)


def load(document: Mapping[str, Json], plan: tuple[PlannedTask, ...] = ()) -> StateMachine:
    """The state machine that a valid document describes. ``plan`` names the tasks whose rows exist from the start."""
    return _machine(document, {task.step: task.number for task in plan}, plan)


def function_of(resource: str) -> str:
    """The function that a Task's ``Resource`` names: a step type's plain name, or the name inside a Lambda ARN."""
    parts = resource.split(":")
    return parts[6] if len(parts) > 6 and parts[2] == "lambda" and parts[5] == "function" else resource


def _machine(document: Mapping[str, Json], numbers: Mapping[str, int], plan: tuple[PlannedTask, ...]) -> StateMachine:
    states = {name: _state(name, body, numbers) for name, body in document["States"].items()}
    return StateMachine(document["StartAt"], states, document.get("TimeoutSeconds"), plan)


def _state(name: str, body: Mapping[str, Json], numbers: Mapping[str, int]) -> State:
    common = {
        "name": name,
        "next": body.get("Next"),
        "input_path": _path(body, "InputPath"),
        "output_path": _path(body, "OutputPath"),
    }
    return _LOADERS[body["Type"]](body, common, numbers)


def _pass(body: Mapping[str, Json], common: dict[str, Any], numbers: Mapping[str, int]) -> State:
    return PassState(
        **common,
        parameters=_template(body, "Parameters"),
        result=body.get("Result"),
        has_result="Result" in body,
        result_path=_path(body, "ResultPath"),
    )


def _task(body: Mapping[str, Json], common: dict[str, Any], numbers: Mapping[str, int]) -> State:
    waits = body["Resource"] == WITH_TOKEN
    if waits:
        body = {
            **body,
            "Parameters": body["Parameters"].get("Payload", {}),
            "Function": body["Parameters"]["FunctionName"],
        }
    return TaskState(
        **common,
        **_work(body),
        function=function_of(body.get("Function", body["Resource"])),
        waits_for_token=waits,
        resource=body["Resource"],
        timeout_seconds=body.get("TimeoutSeconds"),
        number=numbers.get(common["name"]),
    )


def _parallel(body: Mapping[str, Json], common: dict[str, Any], numbers: Mapping[str, int]) -> State:
    return ParallelState(
        **common, **_work(body), branches=tuple(_machine(branch, numbers, ()) for branch in body["Branches"])
    )


def _choice(body: Mapping[str, Json], common: dict[str, Any], numbers: Mapping[str, int]) -> State:
    rules = tuple(Rule(one["Next"], compile_rule(one)) for one in body["Choices"])
    return ChoiceState(**common, rules=rules, default=body.get("Default"))


def _wait(body: Mapping[str, Json], common: dict[str, Any], numbers: Mapping[str, int]) -> State:
    return WaitState(**common, seconds=body["Seconds"])


def _succeed(body: Mapping[str, Json], common: dict[str, Any], numbers: Mapping[str, int]) -> State:
    return SucceedState(**common)


def _fail(body: Mapping[str, Json], common: dict[str, Any], numbers: Mapping[str, int]) -> State:
    return FailState(**common, error=body.get("Error"), cause=body.get("Cause"))


_LOADERS = {
    "Pass": _pass,
    "Task": _task,
    "Choice": _choice,
    "Wait": _wait,
    "Parallel": _parallel,
    "Succeed": _succeed,
    "Fail": _fail,
}


def _work(body: Mapping[str, Json]) -> dict[str, Any]:
    return {
        "parameters": _template(body, "Parameters"),
        "result_selector": _template(body, "ResultSelector"),
        "result_path": _path(body, "ResultPath"),
        "retriers": tuple(_retrier(one) for one in body.get("Retry", ())),
        "catchers": tuple(_catcher(one) for one in body.get("Catch", ())),
    }


def _retrier(body: Mapping[str, Json]) -> Retrier:
    return Retrier(
        error_equals=tuple(body["ErrorEquals"]),
        interval_seconds=body.get("IntervalSeconds", 1),
        max_attempts=body.get("MaxAttempts", 3),
        backoff_rate=body.get("BackoffRate", 2.0),
        max_delay_seconds=body.get("MaxDelaySeconds"),
        full_jitter=body.get("JitterStrategy") == "FULL",
    )


def _catcher(body: Mapping[str, Json]) -> Catcher:
    return Catcher(tuple(body["ErrorEquals"]), body["Next"], _path(body, "ResultPath"))


def _path(body: Mapping[str, Json], field_name: str) -> Path | None:
    """An absent path is the whole document; an explicit null is None: discard."""
    text = body.get(field_name, "$")
    return None if text is None else parse(text)


def _template(body: Mapping[str, Json], field_name: str) -> Template | None:
    return compile_template(body[field_name]) if field_name in body else None
