"""The states that a frame may enter more than once are found; a state that it enters once is not among them."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.definition.load import load

Json = Any


def task(following: str | None, *caught: str) -> Json:
    goes = {"End": True} if following is None else {"Next": following}
    catch = [{"ErrorEquals": [f"E{number}"], "Next": name} for number, name in enumerate(caught)]
    return {"Type": "Task", "Resource": "f", **goes, **({"Catch": catch} if catch else {})}


def choice(default: str, *targets: str) -> Json:
    rules = [{"Variable": "$.n", "NumericEquals": at, "Next": target} for at, target in enumerate(targets)]
    return {"Type": "Choice", "Default": default, "Choices": rules}


MACHINES: dict[str, tuple[Json, set[str]]] = {
    "a line": ({"a": task("b"), "b": task(None)}, set()),
    "a fork that meets again": ({"a": task("b", "c"), "b": task("d"), "c": task("d"), "d": task(None)}, set()),
    "a loop by Next": ({"a": task("b"), "b": task("c"), "c": task("b", "d"), "d": task(None)}, {"b", "c"}),
    "of itself by Catch": ({"a": task("b", "a"), "b": task(None)}, {"a"}),
    "by a Choice's rule": ({"a": task("?"), "?": choice("b", "a"), "b": task(None)}, {"a"}),
    "by a Choice's Default": ({"a": task("?"), "?": choice("a", "b"), "b": task(None)}, {"a"}),
    "a loop of other states": ({"a": {"Type": "Pass", "Next": "?"}, "?": choice("b", "a"), "b": task(None)}, set()),
}


@pytest.mark.parametrize("why", MACHINES)
def test_it_names_the_states_of_loops(why: str) -> None:
    states, wanted = MACHINES[why]
    assert load({"StartAt": next(iter(states)), "States": states}).loops == wanted


def test_a_machine_inside_has_loops_of_its_own() -> None:
    inner = {"StartAt": "i", "States": {"i": task(None, "i")}}
    outer = load({"StartAt": "p", "States": {"p": {"Type": "Parallel", "Branches": [inner], "End": True}}})
    assert outer.loops == set()
    assert outer.states["p"].branches[0].loops == {"i"}  # type: ignore[attr-defined]


def test_ten_thousand_states_are_looked_at_once_each() -> None:
    states = {f"s{at}": task(f"s{at + 1}") for at in range(10_000)} | {"s10000": task("s0", "end"), "end": task(None)}
    assert len(load({"StartAt": "s0", "States": states}).loops) == 10_001
