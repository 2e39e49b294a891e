"""The simulator agrees with the engine while nothing fails, and gives different ends to different executions."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.engine.core.commands import DispatchTask
from stepwell.runtime.engine.definition import flow, steplist, validate
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.definition.steplist import Compiled
from tests.runtime.engine.driver import Answer, Driver
from tests.torture.definitions import WITH_TOKEN
from tests.torture.plans import plans, workflows
from tests.torture.simulator import Raised, ending, perform, with_losses

Json = Any

CATALOG = Catalog.load((Path(__file__).parent / "handlers",))
DEFAULTS = {name: CATALOG.defaults(name) for name in CATALOG.steps}
STARTS = 200
STATES = ("Task", "Pass", "Wait", "Choice", "Parallel", "Map", "Succeed", "Fail")


def compiled(definition: Json) -> StateMachine:
    """Compile a definition as Stepwell does. It must be valid."""
    if "name" in definition:
        assert validate.flow(definition, DEFAULTS, 1000) == []
        made = flow.compile(definition, DEFAULTS)
    else:
        assert validate.workflow(definition, DEFAULTS, 1000) == []
        is_list = validate.is_step_list(definition)
        made = steplist.compile(definition, DEFAULTS) if is_list else Compiled(definition, ())
    return load(made.machine, made.plan)


def answer(task: DispatchTask) -> Answer:
    try:
        return Answer(result=perform(task.function, task.input, task.input["step"]["retry"]))
    except Raised as fault:
        (error,) = fault.errors
        return Answer(error=error, cause="it was asked for")


def assert_agreed(definition: Json, given: Json) -> None:
    """Check that the engine ends an execution as the simulator expects."""
    ended, expected = Driver(compiled(definition), given, answer).run().execution, ending(definition, given)
    assert (ended.status, ended.output) == (expected.status, expected.output), definition
    assert ended.error in expected.errors or (ended.error is None and not expected.errors), definition


@pytest.mark.parametrize("seed", range(8))
def test_the_engine_and_the_simulator_agree_on_how_everything_ends(seed: int) -> None:
    for plan in islice(plans(seed), STARTS):
        assert_agreed(plan.definition, plan.given)


@pytest.mark.parametrize("seed", range(8))
def test_they_agree_when_lost_workers_have_failed_some_tries(seed: int) -> None:
    dice = Random(seed)
    for plan in islice(plans(seed), STARTS):
        lost = {dice.randint(1, 8): dice.sample(range(3), dice.randint(1, 2)) for _ in range(2)}
        assert_agreed(with_losses(plan.definition, lost), plan.given)


def test_every_kind_of_state_is_made() -> None:
    made = json.dumps([workflows(seed) for seed in range(8)])
    assert {kind for kind in STATES if f'"Type": "{kind}"' not in made} == set()
    assert made.count(WITH_TOKEN) > 10


def test_every_kind_of_end_is_expected_of_some_but_most_complete() -> None:
    ends = [plan.expected.status for seed in range(8) for plan in islice(plans(seed), STARTS)]
    assert set(ends) == {"COMPLETED", "FAILED", "TIMED_OUT"}
    assert ends.count("COMPLETED") > len(ends) / 2


def test_the_same_seed_makes_the_same_plans() -> None:
    assert list(islice(plans(7), 50)) == list(islice(plans(7), 50)) != list(islice(plans(8), 50))


def test_a_result_depends_on_what_every_step_before_it_gave() -> None:
    def output(first: str, value: int) -> Json:
        steps = [
            {"taskName": "append", "name": first, "data": {"value": value}},
            {"taskName": "append", "name": "last", "data": {"value": 1}},
        ]
        return ending({"steps": steps}, {"value": 1}).output

    assert len({output("a", 1), output("a", 2), output("b", 1)}) == 3


def test_branches_that_fail_side_by_side_may_end_the_execution_with_either_error() -> None:
    group = [
        {"taskName": "breaks", "name": "a"},
        {"taskName": "exits", "name": "b", "data": {"value": 1}},
    ]
    assert ending({"steps": [{"parallel": group}]}, {}).errors == {"Broken", "Runtime.ExitError"}
