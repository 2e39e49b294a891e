"""Tasks as an API handler sees them, on both databases."""

from __future__ import annotations

import re
from functools import partial

import pytest

from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.errors import (
    InvalidToken,
    TaskClosed,
)
from stepwell.runtime.ids import new_execution_id
from stepwell.runtime.invoke.outcome import Outcome
from tests.runtime.api.statements import pages, plan_of
from tests.runtime.stage import WITH_TOKEN, Stage, machine, raises, steps, task


def test_a_task_is_told_with_its_attempts_and_what_they_printed(stage: Stage, api: ApiContext):
    stage.script.let("step1", raises("Once", "why"), Outcome(result="1", logs="said\n"))
    identity = stage.start(steps("step1", retry={"maxAttempts": 2}))
    first = stage.take_queued()[0]
    stage.work.run(first)
    stage.fire_timers()
    claim = stage.claim(identity)
    view = api.tasks.get(first)
    assert [(one.attempt, one.outcome, one.error) for one in view.log] == [(1, "FAILED", "Once"), (2, None, None)]
    assert (view.workflow, view.execution_id, view.attempts, view.retries) == ("play", identity, 2, 1)
    stage.tasks.give_back(claim)
    stage.run()
    stage.work.run(first)
    log = api.tasks.get(first).log
    assert [one.outcome for one in log] == ["FAILED", "RETURNED", "COMPLETED"] and log[-1].logs == "said\n"


def test_tasks_are_listed_newest_first_page_by_page(stage: Stage, api: ApiContext):
    first, second = stage.start(steps("step1", "step2")), stage.start(steps("step1", "step2"))
    found = pages(api.tasks.list, status=None, limit=3)
    wanted = [row.id for identity in (second, first) for row in reversed(stage.rows(identity))]
    assert [one.id for page in found for one in page.items] == wanted
    queued = api.tasks.list(status="QUEUED", limit=10, cursor=None)
    assert [one.id for one in queued.items] == [stage.task(one).id for one in (second, first)]
    assert api.tasks.counts() == {"QUEUED": 2, "IN_PROGRESS": 0, "FAILED": 0}


def test_a_task_token_is_answered(stage: Stage, api: ApiContext):
    parameters = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    answers = {
        "COMPLETED": lambda token: api.tasks.succeed(token, 1),
        "FAILED": lambda token: api.tasks.fail(token, None, None),
    }
    for status, answer in answers.items():
        identity = stage.start(machine(ask=task(WITH_TOKEN, Parameters=parameters)))
        stage.run()
        token = stage.script.events[-1][1]["token"]
        api.tasks.heartbeat(token)
        answer(token)
        assert stage.status(identity) == status
        with pytest.raises(TaskClosed):
            api.tasks.heartbeat(token)
    with pytest.raises(InvalidToken):
        api.tasks.heartbeat("x")


def test_open_tasks_are_found_without_a_look_at_those_that_have_ended(stage: Stage, api: ApiContext):
    first, second = stage.start(steps("step1", "step2")), stage.start(steps("step1", "step2"))
    stage.claim(first)
    stage.claim(second)
    found = pages(api.tasks.list, status="IN_PROGRESS", limit=1)
    assert [one.id for page in found for one in page.items] == [stage.task(one).id for one in (second, first)]
    # PostgreSQL takes one of the two indexes of what is queued. Both hold open tasks alone.
    for status, index in {
        "QUEUED": "task_(queued|waiting)",
        "IN_PROGRESS": "task_running",
        "FAILED": "task_failed",
    }.items():
        for cursor in (None, new_execution_id()):
            plan = plan_of(partial(api.tasks.list, status=status, limit=9, cursor=cursor))
            assert re.search(index, plan), plan
