"""Step lists: the short notation of a workflow, compiled to a state machine in plain Amazon States Language.

``{"steps": [{"taskName": "step1", "data": {}}, {"parallel": [step, step]}]}``. The compiled machine uses the standard
language alone: ``Parameters`` builds the handler's event from the context object, and the results of the steps so far
travel as ``$.results``. The machine runs on AWS once its functions do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stepwell.runtime.engine.definition.model import PlannedTask
from stepwell.runtime.engine.language.paths import spell
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json

ATTEMPTS = 3
"""The number of attempts of a step whose retry has no ``maxAttempts``."""


@dataclass(frozen=True)
class FunctionDefaults:
    """The defaults from a handler's file, for steps that set none of their own."""

    retry: Mapping[str, Json] | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class Compiled:
    """A state machine, and the tasks that are known before it begins."""

    machine: dict[str, Json]
    plan: tuple[PlannedTask, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    """The function for each of the machine's resources that has one."""


@dataclass(frozen=True)
class Step:
    """One step, under its final name."""

    name: str
    task_name: str
    data: Json
    retry: Mapping[str, Json] | None
    timeout_seconds: float | None


@dataclass(frozen=True)
class Group:
    """Steps that run at the same time. Its name contains a space, so no step can have it."""

    name: str
    members: tuple[Step | Group, ...]


def compile(definition: Mapping[str, Json], defaults: Mapping[str, FunctionDefaults]) -> Compiled:
    """The machine of a valid step list. A step without a retry or a time-out takes its function's."""
    sequence = _Naming(definition["steps"], defaults).named()
    states: dict[str, Json] = {}
    for index, item in enumerate(sequence):
        following = sequence[index + 1].name if index + 1 < len(sequence) else None
        states.update(_states(item, following, is_first=index == 0))
    return Compiled({"StartAt": sequence[0].name, "States": states}, tuple(plan_of(sequence)))


def event_template(step: str, data: Json, results: Mapping[str, Json], extra: Mapping[str, Json] = {}) -> Json:
    """The payload template of a step handler's event."""
    return {
        **literal("data", data),
        "input.$": "$$.Execution.Input",
        **results,
        **extra,
        "step": {
            "name": step,
            "retry.$": "$$.State.RetryCount",
            "idempotencyKey.$": "States.Format('{}/{}', $$.Execution.Id, $$.State.Name)",
        },
    }


def literal(name: str, value: Json) -> dict[str, Json]:
    """A template member that gives exactly this value, even if the value itself looks like a template."""
    if not _looks_live(value):
        return {name: value}
    text = jsontext.write(value).replace("\\", "\\\\").replace("'", "\\'")
    return {f"{name}.$": f"States.StringToJson('{text}')"}


def retry_of(retry: Mapping[str, Json] | None) -> list[Json]:
    """The ``Retry`` field of a step's retry. ``maxAttempts`` counts the first attempt, ASL's MaxAttempts does not."""
    attempts = 1 if retry is None else retry.get("maxAttempts", ATTEMPTS)
    if retry is None or attempts == 1:
        return []
    names = {"intervalSeconds": "IntervalSeconds", "backoffRate": "BackoffRate", "maxDelaySeconds": "MaxDelaySeconds"}
    given = {asl: retry[ours] for ours, asl in names.items() if retry.get(ours) is not None}
    return [{"ErrorEquals": ["States.ALL"], "MaxAttempts": attempts - 1, **given}]


def task_state(step: Step, parameters: Json) -> dict[str, Json]:
    """The Task state of a step, without its transition and its result's path."""
    retriers = retry_of(step.retry)
    return {
        "Type": "Task",
        "Resource": step.task_name,
        "Parameters": parameters,
        **({"TimeoutSeconds": step.timeout_seconds} if step.timeout_seconds is not None else {}),
        **({"Retry": retriers} if retriers else {}),
    }


def unique(name: str, taken: set[str]) -> str:
    """``name``, or the first of name-2, name-3, ... that is not in ``taken``. The name is added to ``taken``."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name[: 80 - len(str(number)) - 1]}-{number}"
    taken.add(found)
    return found


def plan_of(sequence: list[Step | Group]) -> Iterator[PlannedTask]:
    """The planned tasks of a sequence, numbered from 1 in the order of the definition."""
    for number, step in enumerate(_flat(sequence), start=1):
        yield PlannedTask(number, step.name, step.task_name, step.data)


class _Naming:
    """Gives every step its name: its own, or its function's name made unique. No step gets another step's own name."""

    def __init__(self, steps: list[Json], defaults: Mapping[str, FunctionDefaults]) -> None:
        self.steps = steps
        self.defaults = defaults
        self.taken = {step["name"] for step in _written(steps) if "name" in step}
        self.groups = 0

    def named(self) -> list[Step | Group]:
        return [self._named(step) for step in self.steps]

    def _named(self, step: Mapping[str, Json]) -> Step | Group:
        if "parallel" in step:
            self.groups += 1
            name = f"parallel {self.groups}"
            return Group(name, tuple(self._named(member) for member in step["parallel"]))
        own = self.defaults.get(step["taskName"], FunctionDefaults())
        return Step(
            name=step.get("name") or unique(step["taskName"], self.taken),
            task_name=step["taskName"],
            data=step.get("data", {}),
            retry=step.get("retry", own.retry),
            timeout_seconds=step.get("timeoutSeconds", own.timeout_seconds),
        )


def _written(steps: list[Json]) -> Iterator[Mapping[str, Json]]:
    for step in steps:
        if "parallel" in step:
            yield from _written(step["parallel"])
        else:
            yield step


def _flat(items: list[Step | Group] | tuple[Step | Group, ...]) -> Iterator[Step]:
    for item in items:
        if isinstance(item, Group):
            yield from _flat(item.members)
        else:
            yield item


def _states(item: Step | Group, following: str | None, *, is_first: bool) -> Iterator[tuple[str, Json]]:
    """The states of one item. A group that is not the first item has a second state, which merges its results."""
    body = _body(item, is_first=is_first)
    if following is None:
        yield item.name, {**body, "End": True}
        return
    if is_first:
        yield item.name, {**body, "ResultSelector": {"results": _selected(item)}, "Next": following}
    elif isinstance(item, Step):
        yield item.name, {**body, "ResultPath": spell("results", item.name), "Next": following}
    else:
        merge = f"{item.name} results"
        yield item.name, {**body, "ResultSelector": _selected(item), "ResultPath": "$.group", "Next": merge}
        yield merge, {"Type": "Pass", "Parameters": _MERGED, "Next": following}


_MERGED = {"results.$": "States.JsonMerge($.results, $.group, false)"}


def _body(item: Step | Group, *, is_first: bool) -> dict[str, Json]:
    if isinstance(item, Step):
        results: dict[str, Json] = {"results": {}} if is_first else {"results.$": "$.results"}
        return task_state(item, event_template(item.name, item.data, results))
    branches = [
        {"StartAt": member.name, "States": {member.name: {**_body(member, is_first=is_first), "End": True}}}
        for member in item.members
    ]
    return {"Type": "Parallel", "Branches": branches}


def _selected(item: Step | Group, place: str = "$") -> dict[str, Json]:
    """The path of each step's result inside the item's result."""
    if isinstance(item, Step):
        return {f"{item.name}.$": place}
    selected: dict[str, Json] = {}
    for number, member in enumerate(item.members):
        selected.update(_selected(member, f"{place}[{number}]"))
    return selected


def _looks_live(value: Json) -> bool:
    if isinstance(value, dict):
        return any(name.endswith(".$") or _looks_live(one) for name, one in value.items())
    return isinstance(value, list) and any(_looks_live(one) for one in value)
