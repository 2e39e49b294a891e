"""Computes the expected end of an execution: a second opinion that shares only the definition with the engine.

It has no time, no queue and no faults: handlers are numbers, branches run one after another. It knows only the part of
the language used by ``plans.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.torture.definitions import WITH_TOKEN
from tests.torture.handlers.steps._effects import total

Json = Any

ATTEMPTS = {"fails": 3}
"""The tries of a function without a retry in its step: as RETRY in its file says."""

ENDLESS_SECONDS = 60
"""A Wait of this length or more ends by the machine's own time-out."""


@dataclass(frozen=True)
class Ending:
    """The end of an execution. ``errors`` holds all possible errors: parallel branches may fail in any order."""

    status: str
    output: Json = None
    errors: frozenset[str] = field(default_factory=frozenset)


class Raised(Exception):
    """A step failed for good, with one of these errors."""

    def __init__(self, *errors: str) -> None:
        self.errors = frozenset(errors)
        super().__init__(*errors)


class TimedOut(Exception):
    """The machine's own time-out passed."""


def ending(definition: Json, given: Json) -> Ending:
    """The end of an execution with this input. The definition is a step list, a state machine or a flow's tree."""
    run = steps_output if "steps" in definition else machine_output if "States" in definition else tree_output
    try:
        return Ending("COMPLETED", run(definition, given))
    except Raised as fault:
        return Ending("FAILED", errors=fault.errors)
    except TimedOut:
        return Ending("TIMED_OUT", errors=frozenset({"States.Timeout"}))


def with_losses(definition: Json, lost: Mapping[int, Sequence[int]]) -> Json:
    """The same definition, with these tries of these nodes failed by three lost workers each."""
    if isinstance(definition, list):
        return [with_losses(one, lost) for one in definition]
    if not isinstance(definition, dict):
        return definition
    made = {name: with_losses(one, lost) for name, one in definition.items()}
    return {**made, "lost": list(lost[made["node"]])} if made.get("node") in lost else made


# Handlers


def perform(function: str, event: Mapping[str, Json], retry: int) -> Json:
    """A handler's result at its n-th retry. Raises Raised."""
    if retry in event["data"].get("lost", ()):
        raise Raised("States.TaskFailed")
    match function:
        case "breaks":
            raise Raised("Broken")
        case "hangs":
            raise Raised("States.Timeout")
        case "exits" if retry == 0:
            raise Raised("Runtime.ExitError")
        case "fails" if retry < event["data"]["failures"]:
            raise Raised("NotYet")
        case "asks" if retry < event["data"]["failures"]:
            raise Raised("Refused")
        case "big":
            return {"value": total(event), "fill": "x" * 50_000}
    return total(event)


def tried(function: str, event: Mapping[str, Json], attempts: int) -> Json:
    """A handler's result if each failure is tried again, up to ``attempts`` tries in all. Raises Raised."""
    for retry in range(attempts - 1):
        try:
            return perform(function, event, retry)
        except Raised:
            continue
    return perform(function, event, attempts - 1)


# Step lists


def steps_output(definition: Json, given: Json) -> Json:
    results: dict[str, Json] = {}
    output = None
    for item in definition["steps"]:
        output, found = _item(item, given, dict(results))
        results.update(found)
    return output


def _item(item: Json, given: Json, results: dict[str, Json]) -> tuple[Json, dict[str, Json]]:
    """The result of a step or a group, and its results by step name. A group's members all see the same results."""
    if "parallel" in item:
        done = side_by_side(lambda one: _item(one, given, results), item["parallel"])
        return [output for output, _ in done], {name: value for _, found in done for name, value in found.items()}
    event = {"data": item.get("data", {}), "input": given, "results": results}
    attempts = item.get("retry", {}).get("maxAttempts") or ATTEMPTS.get(item["taskName"], 1)
    output = tried(item["taskName"], event, attempts)
    return output, {item["name"]: output}


def side_by_side(run: Callable[[Json], Json], branches: Sequence[Json]) -> list[Json]:
    """The results of the branches, in their order. If some fail, the error may be any of theirs. Raises Raised."""
    outputs: list[Json] = []
    errors: set[str] = set()
    for branch in branches:
        try:
            outputs.append(run(branch))
        except Raised as fault:
            errors |= fault.errors
    if errors:
        raise Raised(*errors)
    return outputs


# Flows


def tree_output(tree: Json, given: Json = None) -> Json:
    children = tree.get("children", [])
    results = side_by_side(tree_output, children)
    named = [{"name": child["name"], "result": result} for child, result in zip(children, results, strict=True)]
    event = {"data": tree.get("data", {}), "children": named}
    return tried(tree["name"], event, tree.get("opts", {}).get("attempts") or ATTEMPTS.get(tree["name"], 1))


# State machines


def machine_output(machine: Json, given: Json, data: Json = None) -> Json:
    """The output of a machine or, with ``data``, of one of its branches."""
    name, data = machine["StartAt"], given if data is None else data
    while True:
        state = machine["States"][name]
        if "TimeoutSeconds" in machine and state.get("Seconds", 0) >= ENDLESS_SECONDS:
            raise TimedOut
        try:
            data, name = _with_retry(state, data, given), _next(state, data)
        except Raised as fault:
            if "Catch" not in state:
                raise
            (catcher,) = state["Catch"]
            caught = {"Error": "|".join(sorted(fault.errors)), "Cause": ""}
            data, name = _placed(catcher["ResultPath"], data, caught), catcher["Next"]
        if name is None:
            return data


def _next(state: Json, data: Json) -> str | None:
    """The next state, or None at an end. Raises Raised."""
    if state["Type"] != "Choice":
        return state.get("Next")
    ways = [rule["Next"] for rule in state["Choices"] if _holds(rule, data)] + [state.get("Default")]
    if ways[0] is None:
        raise Raised("States.NoChoiceMatched")
    return ways[0]


def _holds(rule: Json, data: Json) -> bool:
    match rule:
        case {"And": rules}:
            return all(_holds(one, data) for one in rules)
        case {"Or": rules}:
            return any(_holds(one, data) for one in rules)
        case {"Not": one}:
            return not _holds(one, data)
    value = _at(rule["Variable"], data)
    return isinstance(value, int) and value < rule.get("NumericLessThan", value + 1)


def _with_retry(state: Json, data: Json, given: Json) -> Json:
    used = [0] * len(state.get("Retry", ()))
    while True:
        try:
            return _entered(state, data, given, sum(used))
        except Raised as fault:
            place = _retrier(state.get("Retry", ()), fault.errors)
            if place is None or used[place] == state["Retry"][place]["MaxAttempts"]:
                raise
            used[place] += 1


def _retrier(retriers: Sequence[Json], errors: frozenset[str]) -> int | None:
    """The retrier for these errors. TaskFailed does not match time-outs, but no state machine here has such a task."""
    taken = errors | {"States.ALL", "States.TaskFailed"}
    return next((place for place, retrier in enumerate(retriers) if taken & set(retrier["ErrorEquals"])), None)


def _entered(state: Json, data: Json, given: Json, retry: int) -> Json:
    """The output of a state if it succeeds. Raises Raised."""
    match state["Type"]:
        case "Fail":
            raise Raised(state["Error"])
        case "Pass":
            result = _rendered(state["Parameters"], data, given) if "Parameters" in state else state.get("Result", data)
        case "Task":
            function, payload = _called(state)
            result = perform(function, _rendered(payload, data, given), retry)
        case "Parallel":
            result = side_by_side(lambda one: machine_output(one, given, data), state["Branches"])
        case "Map":
            run, items = state["ItemProcessor"], _at(state["ItemsPath"], data)
            result = side_by_side(lambda item: machine_output(run, given, {"last": item}), items)
        case _:
            return data
    return _at(state.get("OutputPath", "$"), _placed(state.get("ResultPath", "$"), data, result))


def _called(state: Json) -> tuple[str, Json]:
    """The function of a Task and its payload template."""
    if state["Resource"] != WITH_TOKEN:
        return state["Resource"], state["Parameters"]
    return state["Parameters"]["FunctionName"], state["Parameters"]["Payload"]


def _rendered(template: Json, data: Json, given: Json) -> Json:
    """A payload template with its values. It leaves out values that depend on time (``step`` and the token)."""
    if not isinstance(template, dict):
        return template
    known = {"$$.Execution.Input": given}
    return {
        name.removesuffix(".$"): (
            known[value] if value in known else _at(value, data)
        ) if name.endswith(".$") else _rendered(value, data, given)
        for name, value in template.items()
        if name not in ("step", "token.$")
    }  # fmt: skip


def _at(path: str, data: Json) -> Json:
    for member, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        data = data[int(index)] if index else data[member]
    return data


def _placed(path: str | None, data: Json, value: Json) -> Json:
    """Put ``value`` into ``data`` at ``$.name``. ``$`` replaces ``data``; null drops the value."""
    if path is None:
        return data
    return value if path == "$" else {**data, path.removeprefix("$."): value}
