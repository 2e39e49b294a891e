"""``validate`` raises nothing, whatever JSON it gets. A definition that it passes can be compiled, loaded and run."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from stepwell.runtime.engine.definition import flow, steplist, validate
from stepwell.runtime.engine.definition.field_kinds import Fault
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status
from tests.runtime.engine.driver import Answer, Driver
from tests.runtime.engine.random_machines import FUNCTIONS, LEAVES, Maker, unnamed_twice
from tests.runtime.engine.test_cases import FILES, read

Json = Any

MUTANTS = 5000
TIGHT = EngineLimits(history=60)
INTRINSICS = (
    *("States.Format('{}', $)", "States.Format('{}')", "States.Format($.a, 1)", "States.StringToJson('[')"),
    *("States.JsonMerge($, $, false)", "States.JsonMerge($, $, true)", "States.Format('\\{', $.a)", "States.X()"),
)
WORDS = ("$", "$.a", "$['a", "$$.Task.Token", "States.ALL", "Pass", "Task", "Parallel", "Wait", "A", "B", *INTRINSICS)
NUMBERS = (-1, 0, 0.5, 2, 3.0, 1000, 1e308, -0.0, 2**62)
FIELDS = (
    *("taskName", "name", "data", "retry", "parallel", "steps", "maxAttempts", "timeoutSeconds", "intervalSeconds"),
    *("Type", "Next", "End", "Result", "Parameters", "ResultSelector", "ResultPath", "InputPath", "OutputPath"),
    *("Retry", "Catch", "ErrorEquals", "Branches", "States", "StartAt", "Seconds", "Resource", "TimeoutSeconds"),
    *("children", "opts", "attempts", "backoff", "delay", "type", "a.$", "", "b"),
)


def originals() -> Iterator[Json]:
    """Valid definitions of all kinds: those of the cases, and made-up ones."""
    yield from (read(file)["definition"] for file in FILES)
    for seed in range(60):
        maker = Maker(seed)
        yield maker.machine(2)
        yield {"flow": maker.flow(2)}
        yield maker.step_list()


def places(value: Json) -> list[tuple[Json, Json]]:
    """Every place of a value: the object or list that holds it, and the key or index."""
    found: list[tuple[Json, Json]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else list(range(len(one))) if isinstance(one, list) else []
        found.extend((one, key) for key in keys)
        waiting.extend(one[key] for key in keys)
    return found


def mutate(value: Json, dice: Random) -> None:
    """Change one thing somewhere inside: replace it, drop it, move it, double it, or add something."""
    known = places(value)
    holder, key = dice.choice(known)
    other, there = dice.choice(known)
    match dice.randrange(6):
        case 0:
            holder[key] = dice.choice((*LEAVES, *WORDS, *NUMBERS, [], {}, [[]], {"a": {}}))
        case 1:
            del holder[key]
        case 2:
            holder[key] = copy.deepcopy(other[there])
        case 3 if isinstance(holder, dict):
            holder[dice.choice(FIELDS)] = holder.pop(key)
        case 4 if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(other[there]))
        case _ if isinstance(other, dict):
            other[dice.choice(FIELDS)] = copy.deepcopy(holder[key])


def mutants(first: int, most: int) -> Iterator[tuple[int, Json]]:
    kept = list(originals())
    for seed in range(first, first + most):
        dice = Random(seed)
        mutant = copy.deepcopy(dice.choice(kept))
        for _ in range(dice.randint(1, 3)):
            if places(mutant):
                mutate(mutant, dice)
        yield seed, mutant


def machine_of(definition: Json) -> StateMachine | None:
    """The machine of a definition; None when it has faults."""
    is_flow = isinstance(definition, dict) and "flow" in definition
    faults = validate.flow(definition["flow"], FUNCTIONS) if is_flow else validate.workflow(definition, FUNCTIONS)
    check_faults(faults)
    if faults:
        return None
    if not is_flow and not validate.is_step_list(definition):
        return load(definition)
    compiled = flow.compile(definition["flow"], {}) if is_flow else steplist.compile(definition, {})
    found = validate.workflow(compiled.machine, FUNCTIONS)
    # The short notations know retries after less than a second, the Amazon States Language does not.
    assert [one for one in found if one.where.steps[-1] != "IntervalSeconds"] == []
    return load(json.loads(json.dumps(compiled.machine)), compiled.plan)


def check_faults(faults: list[Fault]) -> None:
    for one in faults:
        assert one.path.startswith("$") and one.message
        assert len(one.message) < 500, "a message does not repeat all that came in"


@pytest.mark.parametrize("first", range(0, MUTANTS, 500))
def test_no_mutant_raises(first: int) -> None:
    passed = 0
    for seed, mutant in mutants(first, 500):
        text = json.dumps(mutant)
        machine = machine_of(mutant)
        assert json.dumps(mutant) == text, f"mutant {seed} was written to"
        if machine is not None:
            passed += 1
            answer: Callable[[Any], Answer] = Maker(seed).answer
            played = Driver(machine, {"a": 1}, answer, limits=TIGHT).run()
            assert played.execution.status != Status.IN_PROGRESS, f"mutant {seed} never ends"
    assert 20 < passed < 480, "most mutants are wrong, but not all"


@pytest.mark.parametrize("value", [*LEAVES, *WORDS, *NUMBERS, [], {}, [[]], {"steps": {"steps": []}}], ids=repr)
def test_what_is_no_definition_at_all_has_faults(value: Json) -> None:
    assert validate.workflow(value, FUNCTIONS) and validate.flow(value, FUNCTIONS)


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ('{"parallel":[', "]}"),
        ('{"name":"step1","children":[', "]}"),
        ('{"StartAt":"A","States":{"A":{"Type":"Parallel","End":true,"Branches":[', "]}}}"),
        ("[", "]"),
        ('{"a":', "}"),
    ],
)
def test_as_deep_as_json_may_be(opens: str, closes: str) -> None:
    """The reader refuses more than 64 levels. At that depth, in any field of a definition, nothing is raised."""
    per = opens.count("{") + opens.count("[")
    times = (jsontext.DEPTH - 3) // per
    deep = jsontext.read(opens * times + "1" + closes * times)
    for definition in (deep, {"steps": [deep]}, {"steps": [{"taskName": "step1", "data": deep}]}):
        machine_of(definition)
        machine_of({"flow": definition})


@pytest.mark.parametrize("seed", range(40))
def test_what_is_made_up_is_valid_and_so_is_what_it_compiles_to(seed: int) -> None:
    maker = Maker(seed)
    definitions = [maker.machine(), {"flow": maker.flow()}, *filter(unnamed_twice, [maker.step_list()])]
    assert all(machine_of(definition) is not None for definition in definitions)
