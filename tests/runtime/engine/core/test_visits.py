"""A visit's name: the same until its state has ended, another one for each item and each round."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.core import visits
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import PlannedTask, StateMachine
from tests.runtime.engine.driver import Answer, Driver, Play
from tests.runtime.stage import machine, parallel, task

Json = Any

RETRIED = {"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}]}
CHARGE = task("charge")
MAP = {"Type": "Map", "ItemsPath": "$.items"}


def each(processor: Json, **fields: Json) -> Json:
    return {**MAP, "ItemProcessor": processor, **fields}


def played(definition: Json, *errors: str | None, given: Json = None) -> Driver:
    """Play a machine whose handlers raise these errors, call by call (None: they return), and then return."""
    left = iter(errors)
    driver = Driver(load(definition), given or {}, lambda one: Answer({"ok": True}, error=next(left, None)))
    driver.run()
    return driver


def names(play: Play, step: str = "Charge") -> list[str]:
    return [one.visit for one in play.dispatched if one.step == step]


def test_it_is_the_same_in_each_retry() -> None:
    found = names(played(machine(Charge={**CHARGE, **RETRIED}), "No", "No").play)
    assert len(found) == 3 and len(set(found)) == 1


def test_two_states_have_different_ones() -> None:
    play = played(machine(Charge=CHARGE, Refund=CHARGE)).play
    assert names(play) != names(play, "Refund")


def test_it_is_printable_ascii_whatever_the_states_name() -> None:
    [found] = names(played(machine(**{"Zahlung / 支払い": CHARGE})).play, "Zahlung / 支払い")
    assert found.isascii() and found.isalnum() and len(found) == 16


def test_each_item_and_each_branch_has_its_own() -> None:
    play = played(machine(All=each(machine(Charge=CHARGE))), given={"items": [1, 1, 1]}).play
    assert len(set(names(play))) == 3
    play = played(machine(Both=parallel(machine(Charge=CHARGE), machine(Other=CHARGE)))).play
    assert names(play) != names(play, "Other")


def test_an_item_of_an_item_has_its_own() -> None:
    inner = each(machine(Charge=CHARGE), ItemsPath="$")
    play = played(machine(All=each(machine(Each=inner))), given={"items": [[1, 2], [1, 2]]}).play
    assert len(set(names(play))) == 4


@pytest.mark.parametrize("error", ["No", "States.Timeout"])
def test_a_map_that_is_retried_as_a_whole_gives_its_items_their_names_again(error: str) -> None:
    """The first run may have charged some of them."""
    whole = machine(All=each(machine(Charge=CHARGE), **RETRIED))
    found = names(played(whole, None, error, given={"items": [1, 2]}).play)
    assert len(found) == 4 and found[:2] == found[2:] and found[0] != found[1]


def test_a_parallel_that_is_retried_as_a_whole_gives_its_branches_their_names_again() -> None:
    whole = machine(Both=parallel(machine(Charge=CHARGE), machine(Other=CHARGE), **RETRIED))
    play = played(whole, None, "No").play
    for step in ("Charge", "Other"):
        found = names(play, step)
        assert len(found) == 2 and len(set(found)) == 1


def loop(state: Json, rounds: int, name: str = "Charge") -> Json:
    """A machine that enters the same state in each of its rounds."""
    count = {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)", "items.$": "$.items"}, "Next": "Again?"}
    again = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": rounds, "Next": name}]}
    return {
        "StartAt": name,
        "States": {
            name: {**state, "ResultPath": "$.r", "Next": "Count"},
            "Count": count,
            "Again?": {**again, "Default": "Done"},
            "Done": {"Type": "Succeed"},
        },
    }


START = {"n": 0, "items": [1, 2]}


def test_each_round_of_a_loop_has_its_own_and_a_retry_in_it_has_not() -> None:
    found = names(played(loop({**CHARGE, **RETRIED}, 3), None, "No", given=START).play)
    assert len(found) == 4 and len(set(found)) == 3 and found[1] == found[2]


def test_a_map_in_a_loop_gives_its_items_other_names_in_each_round() -> None:
    found = names(played(loop(each(machine(Charge=CHARGE)), 2, "All"), given=START).play)
    assert len(found) == len(set(found)) == 4


def test_a_loop_in_an_item_counts_for_the_item_alone() -> None:
    whole = machine(All={**each(loop(CHARGE, 2)), "ItemSelector": START, **RETRIED})
    first = names(played(whole, given=START).play)
    assert len(first) == len(set(first)) == 4
    both = names(played(whole, None, None, None, "No", given=START).play)
    assert set(both) == set(first)


def test_another_way_to_a_state_does_not_change_its_name() -> None:
    """Of an item that polls until something is ready: its second run may poll more often before it charges."""
    poll = {"Type": "Task", "Resource": "poll", "ResultPath": "$.p", "Next": "Ready?"}
    ready = {"Type": "Choice", "Choices": [{"Variable": "$.p", "BooleanEquals": True, "Next": "Charge"}]}
    states = {"Poll": poll, "Ready?": {**ready, "Default": "Poll"}, "Charge": {**CHARGE, "End": True}}
    whole = load(machine(All=each({"StartAt": "Poll", "States": states}, ItemsPath="$", **RETRIED)))
    polls, charges = [True, False, False, True], [Answer(error="No"), Answer(1)]
    driver = Driver(whole, [{}], lambda one: Answer(polls.pop(0)) if one.step == "Poll" else charges.pop(0))
    found = names(driver.run())
    assert len(found) == 2 and len(set(found)) == 1


def test_it_is_the_same_after_a_redrive() -> None:
    first = names(played(machine(Charge=CHARGE)).play)
    driver = played(machine(Charge=CHARGE), "No")
    driver.redrive(1)
    assert names(driver.play) == [*first, *first]


def test_the_items_that_go_on_after_a_redrive_keep_theirs() -> None:
    driver = played(machine(All=each(machine(Charge=CHARGE))), None, "No", given={"items": [1, 2, 3]})
    before = names(driver.play)
    driver.redrive(1)
    again = names(driver.play)[len(before) :]
    assert again and set(again) <= set(before[1:])


def test_a_map_whose_results_could_not_be_joined_gives_its_items_their_names_again() -> None:
    whole = machine(All=each(machine(Charge=CHARGE), ResultSelector={"no.$": "$.nothing"}))
    driver = played(whole, given={"items": [1, 2]})
    before = names(driver.play)
    driver.redrive(1)
    assert len(before) == 2 and names(driver.play) == [*before, *before]


def test_a_round_that_goes_on_after_a_redrive_keeps_its_name() -> None:
    driver = played(loop(CHARGE, 3), None, "No", given=START)
    driver.redrive(1)
    found = names(driver.play)
    assert found[1] == found[2] and len(set(found)) == 3 and len(found) == 4


def test_in_a_step_list_it_is_the_steps_own_name() -> None:
    planned = load(machine(charge=CHARGE), (PlannedTask(1, "charge", "charge", {}),))
    assert names(Driver(planned, {}, lambda one: Answer(1)).run(), "charge") == ["charge"]


def test_a_state_that_the_release_before_has_entered_shares_no_name_with_a_counted_visit() -> None:
    looped: StateMachine = load(loop(CHARGE, 3))
    before = Frame("", "Charge", {}, entry=7)
    stale = Frame("", "Charge", {}, entry=12, visits={"Charge": (1, 7)})
    new = Frame("", "Charge", {}, entry=20, visits=visits.counted(looped, stale, 20))
    found = [visits.name_of([(looped, one)]) for one in (before, stale, new)]
    assert len(set(found)) == 3
    assert new.visits == {"Charge": (2, 20)}
