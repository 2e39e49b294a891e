"""Step lists and trees compile to machines that do what the notation says. The expectation does not use the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from stepwell.runtime.engine.core.commands import DispatchTask
from stepwell.runtime.engine.definition import flow, steplist
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import PlannedTask
from stepwell.runtime.engine.definition.steplist import Compiled, FunctionDefaults, retry_of, unique
from tests.runtime.engine.driver import Answer, Driver, Play
from tests.runtime.engine.random_machines import Maker, steps_of, unnamed_twice

Json = Any


def played(compiled: Compiled, given: Json, results: Mapping[str, Json], seed: int) -> Play:
    def answer(task: DispatchTask) -> Answer:
        return Answer(results[task.step])

    machine = load(json.loads(json.dumps(compiled.machine)), compiled.plan)
    return Driver(machine, given, answer, seed=seed, in_order=False).run()


def event(step: PlannedTask, given: Json, results: Json, **more: Json) -> Json:
    about = {"name": step.step, "retry": 0, "idempotencyKey": f"e-1/{step.step}"}
    return {"data": step.data, "input": given, "results": results, **more, "step": about}


# Step lists


def expected_events(definition: Json, plan: list[PlannedTask], given: Json, results: Json) -> Json:
    """Each step's event, from the notation alone: it has the results of all items before its own."""
    events: dict[str, Json] = {}
    seen: dict[str, Json] = {}
    left = list(plan)
    for item in definition["steps"]:
        mine = [left.pop(0) for _ in steps_of([item])]
        events.update({step.step: [event(step, given, dict(seen))] for step in mine})
        seen.update({step.step: results[step.step] for step in mine})
    return events


def expected_output(item: Json, names: list[str], results: Json) -> Json:
    if "parallel" in item:
        return [expected_output(member, names, results) for member in item["parallel"]]
    return results[names.pop(0)]


@pytest.mark.parametrize("seed", range(60))
def test_any_step_list_does_what_it_says(seed: int) -> None:
    maker = Maker(seed)
    definition = next(one for one in iter(maker.step_list, None) if unnamed_twice(one))
    compiled = steplist.compile(definition, {})
    plan, given = list(compiled.plan), maker.value()
    results = {step.step: maker.value() for step in plan}
    seen = played(compiled, given, results, seed)
    last = definition["steps"][-1]
    names = [step.step for step in plan][-len(steps_of([last])) :]
    assert dump(seen.execution.output) == dump(expected_output(last, names, results))
    assert dump(seen.inputs) == dump(expected_events(definition, plan, given, results))
    assert set(seen.tasks.values()) == {"COMPLETED"}


@pytest.mark.parametrize("seed", range(60))
def test_the_plan_is_every_step_in_order_under_a_name_of_its_own(seed: int) -> None:
    maker = Maker(seed)
    definition = next(one for one in iter(maker.step_list, None) if unnamed_twice(one))
    plan, steps = steplist.compile(definition, {}).plan, steps_of(definition["steps"])
    assert [one.number for one in plan] == list(range(1, len(steps) + 1))
    assert [(one.function, dump(one.data)) for one in plan] == [
        (one["taskName"], dump(one.get("data", {}))) for one in steps
    ]
    assert len({one.step for one in plan}) == len(plan)
    assert all(one["name"] == planned.step for one, planned in zip(steps, plan, strict=True) if "name" in one)


def test_the_definition_is_not_written_to() -> None:
    definition = Maker(5).step_list()
    before = dump(definition)
    steplist.compile(definition, {})
    assert dump(definition) == before


def test_what_a_function_says_is_frozen_into_the_machine() -> None:
    own = {"step1": FunctionDefaults({"maxAttempts": 4, "backoffRate": 3}, 7)}
    states = steplist.compile({"steps": [{"taskName": "step1"}, {"taskName": "step2"}]}, own).machine["States"]
    assert states["step1"]["TimeoutSeconds"] == 7
    assert states["step1"]["Retry"] == [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 3, "BackoffRate": 3}]
    assert "Retry" not in states["step2"] and "TimeoutSeconds" not in states["step2"]


def test_a_step_may_say_that_it_wants_no_retry() -> None:
    own = {"step1": FunctionDefaults({"maxAttempts": 4})}
    states = steplist.compile({"steps": [{"taskName": "step1", "retry": {"maxAttempts": 1}}]}, own).machine["States"]
    assert "Retry" not in states["step1"]


@pytest.mark.parametrize(
    ("retry", "retriers"),
    [
        (None, []),
        ({}, [{"MaxAttempts": 2}]),
        ({"maxAttempts": 1}, []),
        ({"maxAttempts": 2}, [{"MaxAttempts": 1}]),
        ({"maxAttempts": 3, "intervalSeconds": 0}, [{"MaxAttempts": 2, "IntervalSeconds": 0}]),
        (
            {"maxAttempts": 3, "intervalSeconds": 0.5, "backoffRate": 1, "maxDelaySeconds": 9},
            [{"MaxAttempts": 2, "IntervalSeconds": 0.5, "BackoffRate": 1, "MaxDelaySeconds": 9}],
        ),
    ],
)
def test_a_retry_in_the_language_of_states(retry: Json, retriers: Json) -> None:
    assert retry_of(retry) == [{"ErrorEquals": ["States.ALL"], **one} for one in retriers]


def test_a_name_is_made_unique_and_stays_short() -> None:
    taken = {"a", "a-2"}
    assert [unique("a", taken), unique("b", taken), unique("a", taken)] == ["a-3", "b", "a-4"]
    long = "x" * 80
    assert [unique(long, taken) for _ in range(11)][::10] == [long, "x" * 77 + "-11"]


# Flows


def expected_flow(node: Json, plan: list[PlannedTask], given: Json, results: Json, events: Json) -> PlannedTask:
    """The step of the node. Its event and its children's are recorded: children precede their parent in the plan."""
    children = node.get("children") or []
    steps = [expected_flow(child, plan, given, results, events) for child in children]
    mine = plan.pop(0)
    named = [{"name": child["name"], "result": results[one.step]} for child, one in zip(children, steps, strict=True)]
    seen = {one.step: results[one.step] for one in steps}
    events[mine.step] = [event(mine, given, seen, children=named)]
    return mine


@pytest.mark.parametrize("seed", range(60))
def test_any_flow_does_what_it_says(seed: int) -> None:
    maker = Maker(seed)
    tree = maker.flow()
    before = dump(tree)
    compiled = flow.compile(tree, {})
    assert dump(tree) == before, "the tree is not written to"
    given, results = maker.value(), {step.step: maker.value() for step in compiled.plan}
    seen = played(compiled, given, results, seed)
    events: dict[str, Json] = {}
    root = expected_flow(tree, list(compiled.plan), given, results, events)
    assert dump(seen.inputs) == dump(events)
    assert dump(seen.execution.output) == dump(results[root.step])


def test_whole_seconds_are_whole_numbers() -> None:
    opts = {"delay": 2000, "attempts": 2, "backoff": {"type": "fixed", "delay": 500}}
    states = flow.compile({"name": "step1", "opts": opts}, {}).machine["States"]
    assert repr(states["step1 delay"]["Seconds"]) == "2"
    assert states["step1"]["Retry"][0]["IntervalSeconds"] == 0.5


def dump(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
