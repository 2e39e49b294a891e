"""``$$.State.IdempotencyKey`` gives the visit's key, and nothing else of the context object shows it."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.load import load
from tests.runtime.engine.driver import Answer, Driver
from tests.runtime.stage import machine, parallel, task

Json = Any


def given(arguments: Json, **fields: Json) -> tuple[str, Json]:
    """The visit of a task with these arguments, and what its handler is given."""
    driver = Driver(load(machine(a=task("f", **{"Parameters": arguments, **fields}))), {}, lambda one: Answer(1))
    [dispatched] = driver.run().dispatched
    return f"{driver.play.execution.id}/{dispatched.visit}", dispatched.input


def jsonata(text: str) -> tuple[str, Json]:
    whole = {"QueryLanguage": "JSONata", **machine(a=task("f", Arguments={"x": "{% " + text + " %}"}))}
    driver = Driver(load(whole), {}, lambda one: Answer(1))
    [dispatched] = driver.run().dispatched
    return f"{driver.play.execution.id}/{dispatched.visit}", dispatched.input["x"]


@pytest.mark.parametrize("path", ["$$.State.IdempotencyKey", "$$['State']['IdempotencyKey']"])
def test_its_path_gives_the_key(path: str) -> None:
    key, event = given({"key.$": path, "text.$": f"States.Format('k={{}}', {path})"})
    assert event == {"key": key, "text": f"k={key}"}


@pytest.mark.parametrize(
    "path", ["$$", "$$.State", "$$.*", "$$.State.*", "$$..*", "$$.State[*]", "$$[?(@.IdempotencyKey)]"]
)
def test_no_other_path_shows_it(path: str) -> None:
    _, event = given({"x.$": path, "text.$": f"States.JsonToString({path})"})
    assert "Idempotency" not in str(event) and type(event["x"]) in (dict, list)


def test_what_was_selected_does_not_give_it_in_a_later_state_either() -> None:
    inner = machine(Later={"Type": "Pass", "Parameters": {"x.$": "$.s.IdempotencyKey"}})
    both = parallel(inner, Parameters={"s.$": "$$.State"})
    ended: Execution = Driver(load(machine(both=both)), {}, lambda one: Answer(1)).run().execution
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(
    "text",
    [
        "$states.context.State.IdempotencyKey",
        "$lookup($states.context.State, 'IdempotencyKey')",
        "($c := $states.context; $c.State.IdempotencyKey)",
    ],
)
def test_jsonata_gives_the_key(text: str) -> None:
    key, value = jsonata(text)
    assert value == key


@pytest.mark.parametrize(
    "text",
    [
        "$states.context",
        "$states.context.State",
        "$states.context.**",
        "$keys($states.context.State)",
        "$merge([$states.context.State, {}])",
        "$string($states.context)",
        "$states.context.State ~> |$|{}|",
    ],
)
def test_jsonata_shows_it_nowhere_else(text: str) -> None:
    _, value = jsonata(text)
    assert "Idempotency" not in str(value)
    assert type(value) in (dict, list, str)


def test_the_catcher_of_a_task_has_its_key() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Assign": {"key.$": "$$.State.IdempotencyKey"}, "Next": "b"}]
    states = {"a": {**task("f"), "Catch": catch, "Next": "b"}, "b": {"Type": "Pass", "Parameters": {"x.$": "$key"}}}
    states["b"]["End"] = True
    driver = Driver(load({"StartAt": "a", "States": states}), {}, lambda one: Answer(error="No"))
    play = driver.run()
    assert play.execution.output == {"x": f"e-1/{play.dispatched[0].visit}"}


def test_a_state_that_does_no_work_has_none() -> None:
    driver = Driver(load(machine(a={"Type": "Pass", "Parameters": {"x.$": "$$.State.IdempotencyKey"}})), {}, Answer)
    assert driver.run().execution.error == "States.Runtime"
