"""BullMQ-style trees, compiled to a state machine: children run first, at the same time, then their parent.

``{"name": "step1", "data": {}, "children": [...], "opts": {"attempts": 3, "backoff": {"type": "exponential",
"delay": 1000}, "delay": 500}}``, delays in milliseconds. A parent's event holds ``children: [{"name", "result"}]`` in
their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from stepwell.runtime.engine.definition.steplist import (
    Compiled,
    FunctionDefaults,
    Step,
    event_template,
    plan_of,
    task_state,
    unique,
)
from stepwell.runtime.engine.values.jsontext import Json


def compile(tree: Mapping[str, Json], defaults: Mapping[str, FunctionDefaults]) -> Compiled:
    """The machine of a valid tree, and its planned tasks."""
    flow = _Flow(defaults)
    machine = flow.machine(tree)
    return Compiled(machine, tuple(plan_of(list(flow.steps))))


class _Flow:
    def __init__(self, defaults: Mapping[str, FunctionDefaults]) -> None:
        self.defaults = defaults
        self.taken: set[str] = set()
        self.steps: list[Step] = []

    def machine(self, node: Mapping[str, Json]) -> dict[str, Json]:
        """The machine of a node: the branches of its children, then its delay, then its own task."""
        children = node.get("children") or []
        branches = [self.machine(child) for child in children]
        names = [_last(branch) for branch in branches]
        step = self._step(node)
        states: dict[str, Json] = {}
        if branches:
            states[self._aside(step, "children")] = {"Type": "Parallel", "Branches": branches}
        if delay := (node.get("opts") or {}).get("delay"):
            states[self._aside(step, "delay")] = {"Type": "Wait", "Seconds": _seconds(delay)}
        states[step.name] = {**task_state(step, self._event(step, names, children)), "End": True}
        return _chained(states)

    def _step(self, node: Mapping[str, Json]) -> Step:
        own = self.defaults.get(node["name"], FunctionDefaults())
        opts = node.get("opts") or {}
        step = Step(
            name=unique(node["name"], self.taken),
            task_name=node["name"],
            data=node.get("data", {}),
            retry=retry_of_opts(opts) if "attempts" in opts else own.retry,
            timeout_seconds=own.timeout_seconds,
        )
        self.steps.append(step)
        return step

    def _aside(self, step: Step, word: str) -> str:
        """The name of an extra state. It contains a space, so no step can have it."""
        return unique(f"{step.name[: 79 - len(word)]} {word}", self.taken)

    def _event(self, step: Step, names: list[str], children: list[Json]) -> Json:
        results: dict[str, Json] = {f"{name}.$": f"$[{index}]" for index, name in enumerate(names)}
        given = [{"name": child["name"], "result.$": f"$[{index}]"} for index, child in enumerate(children)]
        return event_template(step.name, step.data, {"results": results}, {"children": given})


def retry_of_opts(opts: Mapping[str, Json]) -> dict[str, Json]:
    """A step's retry from BullMQ's ``attempts`` and ``backoff``. BullMQ's delays are milliseconds.

    No backoff: no delay.
    """
    backoff = opts.get("backoff") or {}
    return {
        "maxAttempts": opts["attempts"],
        "intervalSeconds": _seconds(backoff.get("delay", 0)),
        "backoffRate": 2 if backoff.get("type") == "exponential" else 1,
    }


def _seconds(milliseconds: float) -> float:
    """Milliseconds as seconds. Whole seconds become an integer: Amazon States Language knows no other seconds."""
    seconds = milliseconds / 1000
    return int(seconds) if seconds.is_integer() else seconds


def _last(machine: Mapping[str, Json]) -> str:
    return str(next(reversed(machine["States"])))


def _chained(states: dict[str, Json]) -> dict[str, Json]:
    names = list(states)
    for name, following in pairwise(names):
        states[name]["Next"] = following
    return {"StartAt": names[0], "States": states}
