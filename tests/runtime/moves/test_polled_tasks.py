"""Activities and heartbeats: a task is handed to one poller, and an overdue heartbeat ends it."""

from __future__ import annotations

from functools import partial

import pytest

from stepwell.functions.errors import TaskClosed
from stepwell.runtime.moves import polled_tasks
from stepwell.runtime.moves.guards import TokenAnswer
from tests.runtime.stage import LONG_AGO, WITH_TOKEN, Json, Stage, at_once, machine, raises, task

ASK = "arn:aws:states:eu-west-1:000000000000:activity:ask"
CALL = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}


def start(house: Stage, **fields: Json) -> str:
    return house.start(machine(a=task(ASK, **fields)), {"x": 1})


def test_who_asks_gets_the_task_and_answers_it(house: Stage):
    assert polled_tasks.poll("ask") is None
    identity = start(house)
    assert house.rung() == []
    assert polled_tasks.poll("other") is None
    given = polled_tasks.poll("ask", "me")
    assert given is not None and given.input == '{"x":1}'
    assert polled_tasks.poll("ask") is None
    house.executions.answer(given.token, TokenAnswer({"y": 2}))
    assert (house.status(identity), house.output(identity)) == ("COMPLETED", {"y": 2})
    lines = ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded"]
    assert house.history(identity)[:5] == lines and house.left_open(identity) == []


def test_one_task_is_given_to_one_of_many_that_ask(house: Stage):
    start(house)
    given = at_once(*[partial(polled_tasks.poll, "ask") for _ in range(4)])
    assert len([one for one in given if one is not None]) == 1


def test_no_sweep_and_no_worker_takes_an_activitys_task(house: Stage):
    identity = start(house)
    house.tasks.sweep()
    assert house.tasks.unclaimed("") == [] and house.tasks.claim(house.task(identity).id) is None
    assert polled_tasks.poll("ask") is not None


def test_a_paused_execution_gives_nothing_until_it_is_resumed(house: Stage):
    identity = start(house)
    house.executions.pause(identity)
    assert polled_tasks.poll("ask") is None
    house.executions.resume(identity)
    assert house.rung() == [] and polled_tasks.poll("ask") is not None


def test_an_activity_that_nobody_asks_for_times_out(house: Stage):
    identity = start(house, TimeoutSeconds=60)
    due = house.task(identity).deadline_at
    assert due is not None and 59_000 <= due - house.execution(identity).created_at <= 120_000
    house.set(house.task(identity), deadline_at=LONG_AGO)
    house.tasks.sweep()
    row = house.execution(identity)
    assert (row.status, row.error) == ("FAILED", "States.Timeout") and house.left_open(identity) == []


def test_an_activity_is_retried_with_a_token_of_its_own(house: Stage):
    identity = start(house, Retry=[{"ErrorEquals": ["No"]}])
    first = polled_tasks.poll("ask")
    assert first is not None
    house.executions.answer(first.token, TokenAnswer(error="No"))
    assert polled_tasks.poll("ask") is None
    house.fire_timers()
    second = polled_tasks.poll("ask")
    assert second is not None and second.token != first.token
    house.executions.answer(second.token, TokenAnswer(7))
    assert house.output(identity) == 7


def test_cancelling_takes_the_task_away(house: Stage):
    identity = start(house)
    house.executions.cancel(identity)
    assert polled_tasks.poll("ask") is None and house.left_open(identity) == []


# Heartbeats


@pytest.mark.parametrize("resource", [ASK, WITH_TOKEN])
def test_who_is_silent_for_too_long_loses_the_task(house: Stage, resource: str):
    fields = {"Parameters": CALL} if resource == WITH_TOKEN else {}
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "b"}]
    silent = task(resource, HeartbeatSeconds=20, TimeoutSeconds=60, Catch=catch, **fields)
    identity = house.start(machine(a=silent, b={"Type": "Pass"}))
    given = polled_tasks.poll("ask")
    house.run()
    row = house.task(identity)
    token = row.token if given is None else given.token
    assert row.beat_by is not None
    house.set(row, beat_by=LONG_AGO)
    house.executions.heartbeat(token)
    assert house.task(identity).beat_by > row.created_at
    house.tasks.sweep()
    assert house.status(identity) == "IN_PROGRESS"
    house.set(row, beat_by=LONG_AGO)
    house.tasks.sweep()
    assert house.output(identity) == {"Error": "States.Timeout", "Cause": ""}
    assert "TaskTimedOut" in house.history(identity)
    with pytest.raises(TaskClosed):
        house.executions.heartbeat(token)


def test_a_heartbeat_without_a_limit_asks_only_whether_the_task_is_open(house: Stage):
    identity = start(house)
    given = polled_tasks.poll("ask")
    assert given is not None
    house.executions.heartbeat(given.token)
    assert house.task(identity).beat_by is None


# Calls of functions


def test_invoking_a_function_wraps_what_it_returns(house: Stage):
    call = {"FunctionName.$": "$.name", "Payload": {"n.$": "$.n"}}
    invoke = task("arn:aws:states:::lambda:invoke", Parameters=call, ResultSelector={"got.$": "$.Payload"})
    identity = house.start(
        machine(a=invoke, b=task("step2")), {"name": "arn:aws:lambda:x:1:function:step1:LIVE", "n": 4}
    )
    house.run()
    assert house.script.events == [("step1", {"n": 4}), ("step2", {"got": "step1"})]
    assert house.output(identity) == "step2"


def test_a_call_of_nothing_fails_the_state(house: Stage):
    invoke = task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName.$": "$.name"})
    identity = house.start(machine(a=invoke), {"name": 3})
    assert house.execution(identity).error == "States.Runtime"


def test_a_function_that_fails_is_caught_by_its_error_in_an_invocation(house: Stage):
    house.script.let("step1", raises("No", "why"))
    catch = [{"ErrorEquals": ["No"], "Next": "b"}]
    invoke = task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "step1"}, Catch=catch)
    identity = house.start(machine(a=invoke, b={"Type": "Pass"}))
    house.run()
    assert house.output(identity) == {"Error": "No", "Cause": "why"}
