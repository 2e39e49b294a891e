"""A Map Run that has ended begins nothing more: not a task that waits, and not the next step of one that runs."""

from __future__ import annotations

import pytest

from stepwell.runtime.moves import polled_tasks
from tests.runtime.maps import children, fan, listed, the_run
from tests.runtime.stage import Json, Stage, machine, raises, returns, task

TWO_STEPS = machine(first=task("step1"), second=task("step2"))
ENDINGS = ("cancelled", "timed out", "failed")


def begun(stage: Stage, definition: Json, items: int) -> str:
    identity = stage.start(definition, {"items": list(range(items))})
    while stage.fire_run_timers():
        pass
    return identity


def end(stage: Stage, identity: str, ending: str) -> None:
    if ending == "cancelled":
        stage.executions.cancel(identity)
    elif ending == "timed out":
        stage.fire_timers()
    else:
        stage.script.let("step1", raises("No"))
        stage.work.run(stage.take_queued()[0])
        stage.fire_run_timers()
    assert stage.status(identity) != "IN_PROGRESS"


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_child_of_a_run_that_has_ended_is_claimed(stage: Stage, ending: str):
    identity = begun(stage, {**listed(), "TimeoutSeconds": 60}, 30)
    end(stage, identity, ending)
    left = [stage.task(one.id) for one in children(stage) if one.status == "IN_PROGRESS"]
    assert len(left) >= 29
    assert [stage.tasks.claim(one.id) for one in left] == [None] * len(left)


def test_a_child_whose_claim_is_refused_is_stopped_by_that_worker(stage: Stage):
    identity = begun(stage, listed(), 10)
    stage.executions.cancel(identity)
    stage.script.let("step1", lambda event: pytest.fail("a handler ran for a run that was cancelled"))
    for task_id in stage.take_queued():
        stage.work.run(task_id)
    assert {one.status for one in children(stage)} == {"CANCELLED"} and the_run(stage).status == "ABORTED"


def test_a_child_that_runs_begins_no_second_step(stage: Stage):
    identity = begun(stage, listed(processor=TWO_STEPS), 2)
    claims = [stage.claim(one.id) for one in children(stage)]
    assert stage.succeed(claims[0], goes_on=True) is not None
    stage.executions.cancel(identity)
    assert stage.succeed(claims[1], goes_on=True) is None
    second = stage.task(children(stage)[1].id, 2)
    assert (second.status, stage.tasks.claim(second.id)) == ("QUEUED", None)
    assert children(stage)[1].status == "CANCELLED"


def test_nobody_who_polls_is_given_a_task_of_a_run_that_has_ended(stage: Stage):
    activity = "arn:aws:states:us-east-1:123456789012:activity:ask"
    stage.make_activity("ask")
    identity = begun(stage, fan(processor=machine(a=task(activity)), ItemsPath="$.items"), 2)
    assert polled_tasks.poll("ask") is not None
    stage.executions.cancel(identity)
    assert polled_tasks.poll("ask") is None


def test_the_children_of_a_run_that_is_redriven_go_on(stage: Stage):
    identity = begun(stage, listed(), 5)
    stage.executions.cancel(identity)
    for task_id in stage.take_queued():
        stage.work.run(task_id)
    assert stage.executions.redrive(identity)
    stage.script.let("step1", lambda event: returns(event))
    stage.run()
    assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", list(range(5)))
