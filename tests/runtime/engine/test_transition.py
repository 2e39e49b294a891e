"""Transitions: the events that they refuse, how far they go, and their lines of history."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from stepwell.runtime.engine.core import events
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.transition import MoveTookTooLong, transition
from stepwell.runtime.engine.values.limits import LIMITS
from tests.runtime.engine.driver import BEGIN, Answer, Driver

Json = Any


def test_what_fits_nothing_changes_nothing() -> None:
    machine = load({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "step1", "End": True}}})
    driver = Driver(machine, {}, lambda task: Answer())
    driver.deliver(events.ExecutionStarted(BEGIN, 0))
    now = driver.play.execution
    entry = now.frames[""].entry
    wrong = [
        events.TaskSucceeded(BEGIN, 0, "", entry + 1, 1, None),
        events.TaskSucceeded(BEGIN, 0, "", entry - 1, 1, None),
        events.TaskSucceeded(BEGIN, 0, "", entry, 0, None),
        events.TaskSucceeded(BEGIN, 0, "", entry, 2, None),
        events.TaskSucceeded(BEGIN, 0, "2.0", entry, 1, None),
        events.TaskFailed(BEGIN, 0, "", entry, 2, "E", None),
        events.TimerFired(BEGIN, 0, "", entry, 0),
        events.TimerFired(BEGIN, 0, "nowhere", entry, 0),
        events.ExecutionStarted(BEGIN, 0),
    ]
    for event in wrong:
        assert transition(machine, now, event).execution is now, event
    assert transition(machine, now, events.TaskSucceeded(BEGIN, 0, "", entry, 1, None)).execution is not now


def test_what_is_no_event_is_refused() -> None:
    machine = load({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    with pytest.raises(TypeError, match="Event is no event of the core"):
        transition(machine, Execution("e", "e", "w", {}, BEGIN), events.Event(BEGIN, 0))


def test_ten_thousand_states_in_one_transition() -> None:
    names = [f"S{number}" for number in range(10_000)]
    states = {name: {"Type": "Pass", "Next": f"S{number + 1}"} for number, name in enumerate(names)}
    states[names[-1]] = {"Type": "Succeed"}
    move = transition(load({"StartAt": "S0", "States": states}), Execution("e", "e", "w", 7, BEGIN), start())
    assert (move.execution.status, move.execution.output, len(move.history)) == ("COMPLETED", 7, 20_002)


def test_an_alarm_ends_a_move_at_the_next_state_and_decides_nothing() -> None:
    states = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(9)} | {"S9": {"Type": "Succeed"}}
    machine, before = load({"StartAt": "S0", "States": states}), Execution("e", "e", "w", 7, BEGIN)
    answers = iter([False, False, True])
    with pytest.raises(MoveTookTooLong):
        transition(machine, before, start(), LIMITS, lambda: next(answers))
    assert (before.status, before.frames, next(answers, None)) == ("IN_PROGRESS", {}, None)


def test_a_thousand_branches_that_end_in_any_order() -> None:
    branches = [{"StartAt": f"S{n}", "States": {f"S{n}": task()}} for n in range(1000)]
    machine = load({"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}})
    driver = Driver(machine, {}, lambda one: Answer(one.step), seed=3, in_order=False)
    played = driver.run()
    assert played.execution.output == [f"S{n}" for n in range(1000)]


def test_a_value_that_grows_too_deep_fails_its_state_and_not_the_core() -> None:
    names = [f"S{number}" for number in range(2000)]
    states: dict[str, Json] = {
        name: {"Type": "Pass", "Parameters": {"a.$": "$"}, "Next": f"S{number + 1}"}
        for number, name in enumerate(names)
    }
    states["S2000"] = {"Type": "Succeed"}
    move = transition(load({"StartAt": "S0", "States": states}), Execution("e", "e", "w", 7, BEGIN), start())
    assert (move.execution.status, move.execution.error) == ("FAILED", "States.Runtime")
    assert "nested deeper than 256" in (move.execution.cause or "")


@pytest.mark.parametrize("result", ["\ud800", {"a\x00": 1}], ids=["half a surrogate pair", "NUL"])
def test_a_result_that_could_not_be_stored_fails_its_state(result: Json) -> None:
    machine = load({"StartAt": "A", "States": {"A": task()}})
    played = Driver(machine, {}, lambda one: Answer(result)).run()
    assert (played.execution.error, played.tasks) == ("States.Runtime", {"A": "FAILED"})


def test_full_jitter_comes_from_the_events_seed() -> None:
    retry = [{"ErrorEquals": ["E"], "IntervalSeconds": 8, "JitterStrategy": "FULL", "MaxAttempts": 3}]
    machine = load({"StartAt": "A", "States": {"A": {**task(), "Retry": retry}}})

    def delays(seed: int) -> list[float]:
        played = Driver(machine, {}, lambda one: Answer(error="E"), seed=seed).run()
        return [timer.delay_seconds for timer in played.timers]

    assert delays(1) == delays(1) != delays(2)
    assert all(0 <= delay < most for delay, most in zip(delays(1), (8, 16, 32), strict=True))


def task() -> Json:
    return {"Type": "Task", "Resource": "step1", "End": True}


def start() -> events.ExecutionStarted:
    return events.ExecutionStarted(BEGIN, Random(0).getrandbits(64))


def test_the_ledger_holds_each_value_once() -> None:
    """A state that follows another in one transition takes the output on the line above as its input."""
    states = {"A": {"Type": "Pass", "Result": 5, "Next": "B"}, "B": {**task(), "Next": "C"}, "C": {"Type": "Succeed"}}
    del states["B"]["End"]
    played = Driver(load({"StartAt": "A", "States": states}), None, lambda one: Answer([one.step])).run()
    assert [(line.type, dict(line.details)) for line in played.history if line.type != "TaskStarted"] == [
        ("ExecutionStarted", {}),
        ("PassStateEntered", {"input": None}),
        ("PassStateExited", {"output": 5}),
        ("TaskStateEntered", {}),
        ("TaskScheduled", {"task": 4, "resource": "step1"}),
        ("TaskSucceeded", {"task": 4}),
        ("TaskStateExited", {"output": ["B"]}),
        ("SucceedStateEntered", {}),
        ("SucceedStateExited", {"output": ["B"]}),
        ("ExecutionSucceeded", {}),
    ]


def test_the_ledger_says_which_branch_and_what_went_wrong() -> None:
    branches = [{"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "C"}, "C": {**task(), "TimeoutSeconds": 3}}}]
    document = {"StartAt": "A", "States": {"A": {"Type": "Parallel", "Branches": branches, "End": True}}}
    played = Driver(load(document), 1, lambda one: Answer(error="E", cause="why")).run()
    assert [(line.frame, line.type, dict(line.details)) for line in played.history if line.type != "TaskStarted"][
        3:
    ] == [
        ("2.0", "PassStateEntered", {"input": 1}),
        ("2.0", "PassStateExited", {"output": 1}),
        ("2.0", "TaskStateEntered", {}),
        ("2.0", "TaskScheduled", {"task": 6, "resource": "step1", "timeoutInSeconds": 3}),
        ("2.0", "TaskFailed", {"task": 6, "error": "E", "cause": "why"}),
        ("2.0", "TaskStateAborted", {"of": 9}),
        ("", "ParallelStateFailed", {"error": "E", "cause": "why", "of": 9}),
        ("", "ExecutionFailed", {"error": "E", "cause": "why"}),
    ]


def test_the_ledger_tells_the_input_of_each_branch() -> None:
    passes = [{"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}} for name in "BC"]
    document = {"StartAt": "A", "States": {"A": {"Type": "Parallel", "Branches": passes, "End": True}}}
    played = Driver(load(document), {"x": 1}, lambda one: Answer()).run()
    entered = [line.details for line in played.history if line.type == "PassStateEntered"]
    assert entered == [{"input": {"x": 1}}] * 2


def begun(machine: Json, given: Json) -> Execution:
    before = Execution("id", "id", "w", given, BEGIN)
    return transition(load(machine), before, events.ExecutionStarted(BEGIN, 0)).execution


def test_what_a_template_would_blow_up_is_refused_before_it_is_written() -> None:
    parameters = {f"m{n}.$": "$" for n in range(60_000)}
    passes = {"Type": "Pass", "Parameters": parameters, "End": True}
    after = begun({"StartAt": "A", "States": {"A": passes}}, "x" * 250_000)
    assert (after.status, after.error) == ("FAILED", "States.DataLimitExceeded")


def test_one_move_writes_no_more_than_its_bound() -> None:
    branch = {"StartAt": "B", "States": {"B": {"Type": "Task", "Resource": "step1", "End": True}}}
    fan = {"Type": "Parallel", "Branches": [branch] * 300, "End": True}
    after = begun({"StartAt": "A", "States": {"A": fan}}, "x" * 250_000)
    assert (after.status, after.error) == ("FAILED", "States.Runtime")
    assert after.cause == "One move of the execution would write more than 16777216 bytes."
    assert begun({"StartAt": "A", "States": {"A": fan}}, "x" * 50_000).status == "IN_PROGRESS"
