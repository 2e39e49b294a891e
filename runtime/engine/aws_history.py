"""The history in AWS's words: each line becomes one event of GetExecutionHistory, with the line's own id.

A line does not repeat data that is elsewhere: the input of a state that follows another is the other's output, a task's
payloads are in its row. Source: HistoryEvent in AWS Step Functions' API reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stepwell.runtime.engine.core.execution import child_path
from stepwell.runtime.engine.core.invocations import result, whole_call
from stepwell.runtime.engine.definition.resources import INVOKE, QUALIFIED_BY, function_of, read
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.engine.values.jsontext import Json

ERROR_CHARS, CAUSE_CHARS = 256, 32_768
_WHOLE = {"truncated": False}
_FOLLOWING = ("StateSucceeded", "StateFailed", "IterationSucceeded")
"""The ends of types of lines that result from the line above: something inside a state has ended."""
_PAST = {("ParallelStateSucceeded", "ParallelStateExited"), ("MapIterationSucceeded", "MapIterationStarted")}
"""Pairs of adjacent lines that result from the same event, as in AWS's recorded histories."""
_WITHOUT_CAUSE = ("ExecutionTimedOut", "ExecutionAborted")
ASIDE = frozenset(
    {f"{kind}StateAborted" for kind in ("Task", "Wait", "Parallel", "Map")}
    | {"ParallelStateSucceeded", "MapStateSucceeded", "MapRunSucceeded", "MapIterationFailed", "MapIterationAborted"}
)
"""The types of lines from which no other event results."""


@dataclass(frozen=True)
class Recorded:
    """A line of history, as its row holds it. ``at`` is in milliseconds since the epoch."""

    id: int
    type: str
    at: int
    frame: str
    step: str | None
    details: Mapping[str, Json]


@dataclass(frozen=True)
class TaskData:
    """The payloads in a task's row, as JSON text."""

    input: str | None
    result: str | None


@dataclass(frozen=True)
class Setting:
    """The further facts that the lines of a page need.

    ``identity`` is the execution's id, ``resources`` the Resource of each Task state, ``above`` the line right above
    the page. ``before`` has each frame's last line above the page, and ``begun`` the line above the page on which an
    item of a Map began, by the Map's frame and the item's index.
    """

    identity: str
    input: str
    output: str | None
    execution: Mapping[str, Json]
    resources: Mapping[str, str]
    tasks: Mapping[int, TaskData] = field(default_factory=dict)
    before: Mapping[str, int] = field(default_factory=dict)
    begun: Mapping[tuple[str, int], int] = field(default_factory=dict)
    above: Recorded | None = None


def rendered(lines: Sequence[Recorded], setting: Setting, with_data: bool = True) -> list[dict[str, Json]]:
    """AWS's events for adjacent lines, oldest first. Without ``with_data`` they have no payloads."""
    last, begun = dict(setting.before), dict(setting.begun)
    above = setting.above
    events = []
    for line in lines:
        kind, member, details = _rendered(line, above, setting)
        event = {
            "id": line.id,
            "previousEventId": _previous(line, above, last, begun),
            "timestamp": line.at / 1000,
            "type": kind,
        }
        if member is not None:
            event[member] = details if with_data else _without_data(details)
        events.append(event)
        if line.type not in ASIDE:
            last[line.frame] = line.id
        if line.type == "MapIterationStarted":
            begun[line.frame, line.details["index"]] = line.id
        above = line
    return events


def resources_of(machine: Mapping[str, Json]) -> dict[str, str]:
    """The Resource of each Task state of a machine and the machines inside it, by name: no name occurs twice."""
    found: dict[str, str] = {}
    waiting: list[Json] = [machine]
    while waiting:
        one = waiting.pop()
        states = one["States"]
        found |= {name: state["Resource"] for name, state in states.items() if state["Type"] == "Task"}
        for state in states.values():
            inside = (state.get("ItemProcessor"), state.get("Iterator"), *state.get("Branches", ()))
            waiting += [machine for machine in inside if machine is not None]
    return found


def frames_above(frames: Iterable[str]) -> set[str]:
    """The paths of these frames and of all their ancestors."""
    found = {""}
    for path in frames:
        while path:
            found.add(path)
            path = path.rpartition("/")[0]
    return found


def opened_by(line: Recorded) -> str:
    """The common beginning of the paths of a state's children. The line records that the state is tried again."""
    return child_path(line.frame, line.details["again"], 0)[:-1]


def _previous(
    line: Recorded, above: Recorded | None, last: Mapping[str, int], begun: Mapping[tuple[str, int], int]
) -> int:
    """The id of the event that led to this one: the last one of its frame, or the one that opened the frame."""
    if line.id <= 2 or line.type in _WITHOUT_CAUSE:
        return 0
    if "of" in line.details:
        return int(line.details["of"])
    if "again" in line.details:
        return max(last[frame] for frame in last if frame == line.frame or frame.startswith(opened_by(line)))
    if above is not None and (above.type, line.type) in _PAST:
        return line.id - 2
    if line.type == "MapIterationStarted":  # one of the first items, whose lines are adjacent
        return line.id - 1 - int(line.details["index"])
    if line.step is None or line.type.endswith(_FOLLOWING):
        return line.id - 1
    path = line.frame
    while path:
        parent, _, place = path.rpartition("/")
        item = (parent, int(place.partition(".")[2]))
        if last.get(path, 0) > begun.get(item, last.get(parent, 0)):  # else the line belongs to an earlier try
            return last[path]
        if item in begun:
            return begun[item]
        path = parent
    return last.get("", line.id - 1)


def _rendered(line: Recorded, above: Recorded | None, setting: Setting) -> tuple[str, str | None, dict[str, Json]]:
    """An event's type, the name of its member for details, and the details."""
    kind = line.type
    if kind.endswith("StateEntered"):
        given = _text(line.details.get("input")) if "input" in line.details else _text(_output(above))
        return kind, "stateEnteredEventDetails", {"name": line.step, **_payload("input", given)}
    if kind.endswith("StateExited"):
        assigned = {name: jsontext.write(value) for name, value in line.details.get("assigned", {}).items()}
        more = {"assignedVariables": assigned, "assignedVariablesDetails": _WHOLE} if assigned else {}
        payload = _payload("output", _text(line.details.get("output")))
        return kind, "stateExitedEventDetails", {"name": line.step, **payload, **more}
    if kind.startswith("Execution"):
        return kind, _member(kind), _of_execution(line, setting)
    if "task" in line.details:
        return _of_task(line, setting)
    details = _of_map(line) if kind.startswith("Map") else {}
    if kind == "EvaluationFailed":
        named = {name: line.details[name] for name in ("location", "state") if name in line.details}
        details = _fault(line.details) | named
    return kind, _member(kind) if details else None, details


def _output(above: Recorded | None) -> Json:
    return None if above is None else above.details.get("output")


def _of_execution(line: Recorded, setting: Setting) -> dict[str, Json]:
    if line.type == "ExecutionStarted":
        return {**_payload("input", setting.input), **setting.execution}
    if line.type == "ExecutionSucceeded":
        return _payload("output", setting.output)
    if line.type == "ExecutionRedriven":
        return {"redriveCount": line.details["redriveCount"]}
    return _fault(line.details)


def _of_map(line: Recorded) -> dict[str, Json]:
    if line.type in ("MapRunStarted", "MapRunRedriven"):
        label, _, identity = line.details["run"].rpartition(":")
        counted = {name: line.details[name] for name in ("redriveCount",) if name in line.details}
        return {"mapRunArn": arns.map_run(label, identity), **counted}
    if line.type == "MapRunFailed":
        return _fault(line.details)
    if line.type == "MapStateStarted":
        return {"length": line.details["length"]}
    return {"name": line.step, "index": line.details["index"]} if "index" in line.details else {}


def _of_task(line: Recorded, setting: Setting) -> tuple[str, str | None, dict[str, Json]]:
    """A task's event.

    Activities, and Lambda functions that are not called through an integration, have types of their own.
    """
    resource = str(line.details.get("resource") or setting.resources.get(line.step or "", ""))
    what = line.type.removeprefix("Task")
    task = setting.tasks.get(line.details["task"], TaskData(None, None))
    if ":states:::" in resource:
        place, action = _integration(resource.partition(":states:::")[2])
        named = {"resourceType": place, "resource": action}
        return line.type, _member(line.type), {**named, **_of_integration(what, line, task, setting)}
    family, arn = _family(resource)
    kind, details = f"{family}{what}", _of_work(what, line, task, arn)
    return kind, None if kind == "LambdaFunctionStarted" else _member(kind), details


def _integration(name: str) -> tuple[str, str]:
    """The service of an integration, and the action: of the SDK's the service has two parts."""
    if not name.startswith("aws-sdk:"):
        place, _, action = name.partition(":")
        return place, action
    sdk, service, action = name.split(":", 2)
    return f"{sdk}:{service}", action


def _family(resource: str) -> tuple[str, str]:
    """The beginning of AWS's types for a task of this resource, and the resource's ARN."""
    if ":activity:" in resource:
        return "Activity", resource
    if resource.startswith("arn:"):
        return "LambdaFunction", resource
    name, _, qualifier = function_of(resource).partition(QUALIFIED_BY)
    return "LambdaFunction", arns.function(name, qualifier)


def _of_work(what: str, line: Recorded, task: TaskData, resource: str) -> dict[str, Json]:
    if what == "Scheduled":
        return {"resource": resource, **_payload("input", task.input), **_terms(line)}
    if what == "Started":
        return {"workerName": line.details["worker"]} if "worker" in line.details else {}
    return _payload("output", task.result) if what == "Succeeded" else _fault(line.details)


def _of_integration(what: str, line: Recorded, task: TaskData, setting: Setting) -> dict[str, Json]:
    if what == "Scheduled":
        is_invoked = "call" in line.details
        call = jsontext.write(whole_call(line.details, _value(task.input))) if is_invoked else task.input
        return {"region": arns.REGION, "parameters": call, **_terms(line)}
    if what == "Submitted" and "output" in line.details:
        is_invoked = read(setting.resources.get(line.step or "", "")).kind == INVOKE
        return _answered(line.details["output"], {"at": line.at} if is_invoked else {}, line, setting)
    if what == "Succeeded":
        return _answered(_value(task.result), line.details, line, setting) if task.result is not None else {}
    return {} if what in ("Started", "Submitted") else _fault(line.details)


def _answered(given: Json, details: Mapping[str, Json], line: Recorded, setting: Setting) -> dict[str, Json]:
    """The output of a service. The output of ``lambda:invoke`` is wrapped; ``details`` then has at least the time."""
    whole = result(given, details, setting.identity, line.details["task"]) if "at" in details else given
    return _payload("output", jsontext.write(whole))


def _terms(line: Recorded) -> dict[str, Json]:
    """The time-outs of a scheduled task, in whole seconds as AWS has them, and the role from Credentials."""
    names = ("timeoutInSeconds", "heartbeatInSeconds")
    role = {"taskCredentials": {"roleArn": line.details["role"]}} if "role" in line.details else {}
    return {name: int(line.details[name]) for name in names if line.details.get(name) is not None} | role


def _fault(details: Mapping[str, Json]) -> dict[str, Json]:
    bounds = {"error": ERROR_CHARS, "cause": CAUSE_CHARS}
    return {name: str(details[name])[:most] for name, most in bounds.items() if details.get(name)}


def _payload(name: str, text: str | None) -> dict[str, Json]:
    return {} if text is None else {name: text, f"{name}Details": _WHOLE}


def _value(text: str | None) -> Json:
    return None if text is None else json.loads(text)


def _text(value: Json) -> str:
    return jsontext.write(value)


def _member(kind: str) -> str:
    return f"{kind[0].lower()}{kind[1:]}EventDetails"


def _without_data(details: Mapping[str, Json]) -> dict[str, Json]:
    return dict(_kept(details))


def _kept(details: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    data = ("input", "output", "parameters", "error", "cause", "assignedVariables")
    for name, value in details.items():
        if name == "parameters":
            yield name, ""
        elif name not in data:
            yield name, value
