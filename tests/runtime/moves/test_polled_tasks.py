"""Activities and heartbeats: a task is handed to one poller, and an overdue heartbeat ends it."""

from __future__ import annotations

from functools import partial

import pytest

from stepwell.functions.errors import TaskClosed
from stepwell.runtime.moves import polled_tasks
from stepwell.runtime.moves.guards import TaskAnswer
from tests.runtime.stage import LONG_AGO, WITH_TOKEN, Json, Stage, at_once, machine, raises, task

ASK = "arn:aws:states:eu-west-1:000000000000:activity:ask"
CALL = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}


def start(stage: Stage, **fields: Json) -> str:
    stage.make_activity("ask")
    return stage.start(machine(a=task(ASK, **fields)), {"x": 1})


def test_who_asks_gets_the_task_and_answers_it(stage: Stage):
    assert polled_tasks.poll("ask") is None
    identity = start(stage)
    assert stage.take_queued() == []
    assert polled_tasks.poll("other") is None
    given = polled_tasks.poll("ask", "me")
    assert given is not None and given.input == '{"x":1}'
    assert polled_tasks.poll("ask") is None
    stage.executions.answer(given.token, TaskAnswer({"y": 2}))
    assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", {"y": 2})
    lines = ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded"]
    assert stage.history(identity)[:5] == lines and stage.left_open(identity) == []


def test_one_task_is_given_to_one_of_many_that_ask(stage: Stage):
    start(stage)
    given = at_once(*[partial(polled_tasks.poll, "ask") for _ in range(4)])
    assert len([one for one in given if one is not None]) == 1


def test_no_sweep_and_no_worker_takes_an_activitys_task(stage: Stage):
    identity = start(stage)
    stage.tasks.sweep()
    assert stage.tasks.unclaimed({}) == [] and stage.tasks.claim(stage.task(identity).id) is None
    assert polled_tasks.poll("ask") is not None


def test_a_paused_execution_gives_nothing_until_it_is_resumed(stage: Stage):
    identity = start(stage)
    stage.executions.pause(identity)
    assert polled_tasks.poll("ask") is None
    stage.executions.resume(identity)
    assert stage.take_queued() == [] and polled_tasks.poll("ask") is not None


def test_an_activity_that_nobody_asks_for_times_out(stage: Stage):
    identity = start(stage, TimeoutSeconds=60)
    due = stage.task(identity).deadline_at
    assert due is not None and 59_000 <= due - stage.execution(identity).created_at <= 120_000
    stage.set(stage.task(identity), deadline_at=LONG_AGO)
    stage.tasks.sweep()
    row = stage.execution(identity)
    assert (row.status, row.error) == ("FAILED", "States.Timeout") and stage.left_open(identity) == []


def test_an_activity_is_retried_with_a_token_of_its_own(stage: Stage):
    identity = start(stage, Retry=[{"ErrorEquals": ["No"]}])
    first = polled_tasks.poll("ask")
    assert first is not None
    stage.executions.answer(first.token, TaskAnswer(error="No"))
    assert polled_tasks.poll("ask") is None
    stage.fire_timers()
    second = polled_tasks.poll("ask")
    assert second is not None and second.token != first.token
    stage.executions.answer(second.token, TaskAnswer(7))
    assert stage.output(identity) == 7


def test_cancelling_takes_the_task_away(stage: Stage):
    identity = start(stage)
    stage.executions.cancel(identity)
    assert polled_tasks.poll("ask") is None and stage.left_open(identity) == []


# Heartbeats


@pytest.mark.parametrize("resource", [ASK, WITH_TOKEN])
def test_who_sends_nothing_for_too_long_loses_the_task(stage: Stage, resource: str):
    fields = {"Parameters": CALL} if resource == WITH_TOKEN else {}
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "b"}]
    watched = task(resource, HeartbeatSeconds=20, TimeoutSeconds=60, Catch=catch, **fields)
    stage.make_activity("ask")
    identity = stage.start(machine(a=watched, b={"Type": "Pass"}))
    given = polled_tasks.poll("ask")
    stage.run()
    row = stage.task(identity)
    token = row.token if given is None else given.token
    assert row.beat_by is not None
    stage.set(row, beat_by=LONG_AGO)
    stage.executions.heartbeat(token)
    assert stage.task(identity).beat_by > row.created_at
    stage.tasks.sweep()
    assert stage.status(identity) == "IN_PROGRESS"
    stage.set(row, beat_by=LONG_AGO)
    stage.tasks.sweep()
    assert stage.output(identity) == {"Error": "States.Timeout", "Cause": ""}
    assert "TaskTimedOut" in stage.history(identity)
    with pytest.raises(TaskClosed):
        stage.executions.heartbeat(token)


def test_a_heartbeat_without_a_limit_asks_only_whether_the_task_is_open(stage: Stage):
    identity = start(stage)
    given = polled_tasks.poll("ask")
    assert given is not None
    stage.executions.heartbeat(given.token)
    assert stage.task(identity).beat_by is None


# Calls of functions


def test_invoking_a_function_wraps_what_it_returns(stage: Stage):
    call = {"FunctionName.$": "$.name", "Payload": {"n.$": "$.n"}}
    invoke = task("arn:aws:states:::lambda:invoke", Parameters=call, ResultSelector={"got.$": "$.Payload"})
    identity = stage.start(
        machine(a=invoke, b=task("step2")), {"name": "arn:aws:lambda:x:1:function:step1:LIVE", "n": 4}
    )
    stage.run()
    assert stage.script.events == [("step1", {"n": 4}), ("step2", {"got": "step1"})]
    assert stage.output(identity) == "step2"


def test_a_call_of_nothing_fails_the_state(stage: Stage):
    invoke = task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName.$": "$.name"})
    identity = stage.start(machine(a=invoke), {"name": 3})
    assert stage.execution(identity).error == "States.Runtime"


def test_a_function_that_fails_is_caught_by_its_error_in_an_invocation(stage: Stage):
    stage.script.let("step1", raises("No", "why"))
    catch = [{"ErrorEquals": ["No"], "Next": "b"}]
    invoke = task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "step1"}, Catch=catch)
    identity = stage.start(machine(a=invoke, b={"Type": "Pass"}))
    stage.run()
    assert stage.output(identity) == {"Error": "No", "Cause": "why"}
