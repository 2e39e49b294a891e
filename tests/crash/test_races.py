"""Decisions that must be made once are made once, although several threads race for them, again and again."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from peewee import fn

from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution, Frame, History, Task, Timer
from stepwell.functions.errors import TaskClosed
from stepwell.runtime.moves.guards import TaskAnswer
from stepwell.runtime.moves.start import Wanted
from tests.crash.normal_form import normal_form
from tests.crash.plays import ASK
from tests.runtime.stage import LONG_AGO, Stage, at_once, machine, parallel, steps, task

JOINS = 1000
ROUNDS = 100
OPEN = ("PENDING", "QUEUED", "IN_PROGRESS")

TWO_BRANCHES = machine(Both=parallel(machine(A=task("step1")), machine(B=task("step2"))), After={"Type": "Pass"})
HOUR = {"Type": "Wait", "Seconds": 3600}
TWO_WAITS = machine(Both=parallel(machine(A=HOUR), machine(B=HOUR)))


def lines_by_type() -> Counter[str]:
    with database.connection_context():
        counted = History.select(History.type, fn.COUNT(History.id)).group_by(History.type).tuples()
        return Counter(dict(counted))


def assert_all_have_ended(count: int, status: str = "COMPLETED") -> None:
    with database.connection_context():
        assert Execution.select().where(Execution.status == status).count() == count
        assert Execution.select().count() == count
        assert Task.select().where(Task.status.in_(OPEN)).count() == 0
        assert Frame.select().count() == Timer.select().count() == 0


def test_two_last_branches_join_once(stage: Stage):
    stage.workflows.create("join", TWO_BRANCHES)
    latest = stage.workflows.latest("join")
    for _ in range(JOINS):
        identity = stage.executions.start(latest, Wanted({})).id
        one, other = stage.claim_all(identity)
        at_once(partial(stage.succeed, one, 1), partial(stage.succeed, other, 2))
        assert stage.execution(identity).output == "[1,2]"
    assert_all_have_ended(JOINS)
    found = lines_by_type()
    assert found["TaskSucceeded"] == 2 * JOINS
    assert found["ParallelStateSucceeded"] == found["ParallelStateExited"] == found["PassStateEntered"] == JOINS


def test_two_branches_whose_waits_are_over_at_once_join_once(stage: Stage):
    for _ in range(ROUNDS):
        stage.start(TWO_WAITS)
        with database.connection_context():
            Timer.update(due_at=LONG_AGO).execute()
        one, other = stage.timers()
        assert at_once(partial(stage.executions.fire, one), partial(stage.executions.fire, other)) == [True, True]
    assert_all_have_ended(ROUNDS)
    assert lines_by_type()["ParallelStateSucceeded"] == ROUNDS


def test_a_timer_that_several_fire_fires_once(stage: Stage):
    for _ in range(ROUNDS):
        stage.start(machine(Wait=HOUR))
        with database.connection_context():
            Timer.update(due_at=LONG_AGO).execute()
        (timer,) = stage.timers()
        assert sorted(at_once(*[partial(stage.executions.fire, timer)] * 4)) == [False, False, False, True]
    assert_all_have_ended(ROUNDS)


def test_a_task_that_several_claim_is_one_worker_s(stage: Stage):
    workers = [stage.another_worker().claims for _ in range(8)]
    for _ in range(ROUNDS):
        identity = stage.start(steps("step1"))
        waiting = stage.task(identity).id
        claims = at_once(*[partial(worker.claim, waiting) for worker in workers])
        (claim,) = [one for one in claims if one is not None]
        assert stage.task(identity).owner == claim.owner and claim.attempt == 1
    assert lines_by_type()["TaskStarted"] == ROUNDS


def test_a_result_and_the_loss_of_its_lease_are_one_thing_or_the_other(stage: Stage):
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        identity = stage.start(steps("step1"))
        claim = stage.claim(identity, stage.another_worker())
        stage.set(stage.task(identity), lease_until=LONG_AGO)
        at_once(partial(stage.succeed, claim, 1), stage.tasks.sweep)
        (attempt,) = stage.attempts(identity)
        outcomes[attempt[2]] += 1
        assert stage.task(identity).status == ("COMPLETED" if attempt[2] == "COMPLETED" else "QUEUED")
    assert outcomes["COMPLETED"] + outcomes["LOST"] == ROUNDS
    assert stage.executions.counters["fenced_results"] == outcomes["LOST"]
    stage.run()
    assert_all_have_ended(ROUNDS)


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_a_result_and_a_stop_leave_a_whole_execution(stage: Stage, verb: str):
    for _ in range(ROUNDS):
        identity = stage.start(steps("step1", "step2"))
        claim = stage.claim(identity)
        at_once(partial(stage.succeed, claim, 1), partial(getattr(stage.executions, verb), identity))
        if verb == "cancel":
            assert normal_form(stage, identity).status == "CANCELLED"
        else:
            assert stage.statuses(identity) == ["COMPLETED", "QUEUED"]
            assert stage.task(identity, 2).queued_at is None
            stage.executions.resume(identity)
    stage.run()
    assert_all_have_ended(ROUNDS, "CANCELLED" if verb == "cancel" else "COMPLETED")
    with database.connection_context():
        assert Attempt.select().count() == ROUNDS * (1 if verb == "cancel" else 2)


def test_of_many_answers_to_one_token_one_is_taken(stage: Stage):
    def answers(token: str, number: int) -> int | None:
        try:
            stage.executions.answer(token, TaskAnswer(number))
        except TaskClosed:
            return None
        return number

    for _ in range(ROUNDS):
        identity = stage.start(machine(Ask=ASK))
        stage.work.run(stage.task(identity).id)
        token = stage.task(identity).token
        taken = at_once(*[partial(answers, token, number) for number in range(4)])
        (one,) = [number for number in taken if number is not None]
        assert stage.output(identity) == one
    assert_all_have_ended(ROUNDS)
