"""The door: start, the general path, retries, waits, branches, pause, cancel."""

from __future__ import annotations

import json
from functools import partial

import pytest

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution, StartKey, Task, Timer
from stepwell.functions.errors import (
    Conflict,
    InvalidName,
    InvalidToken,
    KeyReused,
    NameTaken,
    NotFound,
    PayloadTooLarge,
    TaskClosed,
)
from stepwell.runtime.engine.core import commands
from stepwell.runtime.ids import new_execution_id, task_id
from stepwell.runtime.moves import task_tokens
from stepwell.runtime.moves.guards import TokenAnswer
from stepwell.runtime.moves.start import Wanted, key_of
from stepwell.runtime.settings import Settings
from tests.runtime.stage import (
    LONG_AGO,
    SECOND,
    WITH_TOKEN,
    Stage,
    at_once,
    machine,
    parallel,
    raises,
    returns,
    steps,
    task,
)

TWO = steps("step1", "step2")
PASS = machine(a={"Type": "Pass", "Result": 7})
RETRY = {"maxAttempts": 3, "intervalSeconds": 5, "backoffRate": 1}
NOBODYS = pytest.param(f"{new_execution_id()}.1", id="nobody's")


def branch(function: str, **fields: object) -> object:
    return machine(**{f"{function} state": task(function, **fields)})


# Start


def test_a_start_writes_the_planned_tasks_and_queues_the_first(house: Stage):
    identity = house.start(TWO, {"a": [1]}, name="first")
    row = house.execution(identity)
    assert (row.status, row.name, row.workflow, row.version, row.revision) == ("IN_PROGRESS", "first", "play", 1, 0)
    assert (json.loads(row.input), row.state, row.waiting, row.finished_at) == ({"a": [1]}, "step1", "task", None)
    first, second = house.rows(identity)
    assert [first.id, second.id] == [task_id(identity, 1), task_id(identity, 2)]
    assert (first.status, first.attempt, first.owner, first.timeout_seconds) == ("QUEUED", 0, None, 30)
    assert first.queued_at is not None and json.loads(first.input)["input"] == {"a": [1]}
    assert (second.status, second.input, second.queued_at) == ("PENDING", None, None)
    assert house.history(identity) == ["ExecutionStarted", "TaskStateEntered", "TaskScheduled"]
    assert house.rung() == [first.id]


def test_a_start_writes_branches_and_timers(house: Stage):
    both = parallel(branch("step1"), machine(w={"Type": "Wait", "Seconds": 60}))
    identity = house.start({**machine(both=both), "TimeoutSeconds": 600})
    held = house.everything(identity)
    assert [one["waiting"] for one in held["Frame"]] == ["task", "timer"]
    assert sorted(one["kind"] for one in held["Timer"]) == ["execution", "wait"]
    by_kind = {one["kind"]: one["due_at"] - held["execution"][0]["created_at"] for one in held["Timer"]}
    assert 60_000 <= by_kind["wait"] < 120_000 and 600_000 <= by_kind["execution"] < 660_000
    assert house.execution(identity).open == 2


def test_an_input_that_is_too_large_starts_nothing(house: Stage):
    limit = Settings().limits.payload
    assert house.start(PASS, "x" * (limit - 2))
    with pytest.raises(PayloadTooLarge):
        house.start(PASS, "x" * (limit - 1))
    with pytest.raises(PayloadTooLarge, match="the first step's event"):
        house.start(TWO, "x" * (limit - 2))
    assert house.start(TWO, "x" * (limit - 1000))
    with database.connection_context():
        assert Execution.select().count() == 2


def test_a_name_is_taken_once_per_workflow(house: Stage):
    house.start(TWO, name="x")
    with pytest.raises(NameTaken, match=r"named 'x'"):
        house.start(TWO, name="x")
    assert house.start(TWO, name="x", workflow="other")
    with pytest.raises(InvalidName):
        house.start(TWO, name="a b")


def test_a_key_starts_one_execution_and_says_so_again(house: Stage):
    first = house.start(TWO, {"a": 1}, name="n", key="k")
    assert house.start(TWO, {"a": 1}, name="n", key="k") == first
    with pytest.raises(KeyReused):
        house.start(TWO, {"a": 2}, name="n", key="k")
    assert house.start(TWO, {"a": 1}, key="other") != first


def test_many_threads_with_one_key_start_one_execution(house: Stage):
    house.workflows.create("play", TWO)
    start = partial(house.executions.start, house.workflows.latest("play"), Wanted({}, key=key_of("k", {})))
    assert len({started.id for started in at_once(*[start] * 16)}) == 1
    with database.connection_context():
        assert (Execution.select().count(), Task.select().count()) == (1, 2)
    assert len(house.rung()) == 1


def test_a_key_whose_name_is_taken_is_not_kept(house: Stage):
    house.start(TWO, name="x")
    with pytest.raises(NameTaken):
        house.start(TWO, name="x", key="k")
    with database.connection_context():
        assert (Execution.select().count(), StartKey.select().count(), Task.select().count()) == (1, 0, 2)
    assert house.start(TWO, name="y", key="k")


@pytest.mark.parametrize(
    ("definition", "status", "output", "error"),
    [
        (PASS, "COMPLETED", 7, None),
        (machine(a={"Type": "Pass"}, b={"Type": "Succeed"}), "COMPLETED", {"in": 1}, None),
        (machine(a={"Type": "Fail", "Error": "No", "Cause": "why"}), "FAILED", None, "No"),
        (machine(both=parallel(PASS, machine(b={"Type": "Pass", "Result": 8}))), "COMPLETED", [7, 8], None),
    ],
)
def test_a_machine_that_ends_at_once_has_ended_at_its_start(house: Stage, definition, status, output, error):
    identity = house.start(definition, {"in": 1})
    row = house.execution(identity)
    assert (row.status, row.error, row.output and json.loads(row.output)) == (status, error, output)
    assert row.finished_at is not None
    assert house.left_open(identity) == [] and house.rung() == []
    assert house.history(identity)[-1] in ("ExecutionSucceeded", "ExecutionFailed")


# The general path


def test_an_execution_runs_to_its_end_by_the_general_path(house: Stage):
    identity = house.start(TWO)
    with house.general_path():
        house.run()
    assert (house.status(identity), house.output(identity)) == ("COMPLETED", "step2")
    assert house.statuses(identity) == ["COMPLETED", "COMPLETED"]
    assert house.attempts(identity) == [(1, 1, "COMPLETED"), (2, 1, "COMPLETED")]
    assert house.history(identity)[-3:] == ["TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]


def test_a_failure_ends_the_execution_and_what_was_planned(house: Stage):
    house.script.let("step1", raises("Broken", "because"))
    identity = house.start(TWO)
    house.run()
    row = house.execution(identity)
    assert (row.status, row.error, row.cause, row.output) == ("FAILED", "Broken", "because", None)
    assert house.statuses(identity) == ["FAILED", "CANCELLED"] and house.left_open(identity) == []
    first = house.task(identity, 1)
    assert (first.error, first.cause, first.owner, first.finished_at is not None) == ("Broken", "because", None, True)
    assert house.attempts(identity) == [(1, 1, "FAILED")]


def test_a_door_that_knows_no_version_yet_loads_it_inside_the_move(house: Stage):
    identity = house.start(machine(w={"Type": "Wait", "Seconds": 60}))
    house.workflows._machine.cache_clear()
    house.fire_timers()
    assert house.status(identity) == "COMPLETED"


# Retries and waits


def test_a_retry_holds_the_task_until_its_timer_fires(house: Stage):
    house.script.let("step1", raises("Once"), returns("at last"))
    identity = house.start(steps("step1", retry=RETRY))
    house.work.run(*house.rung())
    held = house.task(identity, 1)
    assert (held.status, held.retries, held.error, held.owner, held.attempt) == ("PENDING", 1, "Once", None, 1)
    with database.connection_context():
        timer = Timer.get()
    assert (timer.kind, timer.number) == (commands.RETRY, 1) and timer.due_at >= held.created_at + 5 * SECOND
    assert house.rung() == [] and house.tasks.claim(held.id) is None
    assert house.fire_timers() == 1
    assert house.task(identity, 1).status == "QUEUED" and house.rung() == [held.id]
    house.work.run(held.id)
    done = house.task(identity, 1)
    assert (done.status, done.attempt, done.retries, done.error) == ("COMPLETED", 2, 1, None)
    assert house.output(identity) == "at last"
    assert house.attempts(identity) == [(1, 1, "FAILED"), (1, 2, "COMPLETED")]


def test_retries_are_used_up(house: Stage):
    house.script.let("step1", raises("Always"))
    identity = house.start(steps("step1", retry=RETRY))
    house.run()
    assert (house.status(identity), house.execution(identity).error) == ("FAILED", "Always")
    assert house.attempts(identity) == [(1, n, "FAILED") for n in (1, 2, 3)]
    assert [event["step"]["retry"] for _, event in house.script.events] == [0, 1, 2]
    assert len({event["step"]["idempotencyKey"] for _, event in house.script.events}) == 1


def test_a_timer_fires_once_for_many(house: Stage):
    house.script.let("step1", raises("Once"), returns(1))
    started = [house.start(steps("step1", retry=RETRY)) for _ in range(20)]
    with house.general_path():
        for claim in map(house.claim, started):
            house.executions.fail(claim, "Once", None, "")
    house.rung()
    with database.connection_context():
        Timer.update(due_at=LONG_AGO).execute()
        due = queries.due_timers()
    fired = at_once(*[lambda: sum(house.executions.fire(timer) for timer in due)] * 4)
    assert len(due) == 20 == sum(fired)
    assert sorted(house.rung()) == sorted(task_id(one, 1) for one in started)
    assert all(house.history(one).count("TaskScheduled") == 2 for one in started)


def test_a_wait_holds_nothing_but_a_timer(house: Stage):
    identity = house.start(machine(w={"Type": "Wait", "Seconds": 60}, a=task("step1")))
    assert house.rows(identity) == [] and house.rung() == []
    house.run()
    assert (house.status(identity), house.output(identity)) == ("COMPLETED", "step1")
    assert house.left_open(identity) == []


def test_an_execution_times_out(house: Stage):
    identity = house.start({**machine(a=task("step1"), b=task("step2")), "TimeoutSeconds": 60})
    claim = house.claim(identity)
    house.fire_timers()
    row = house.execution(identity)
    assert (row.status, row.error) == ("TIMED_OUT", "States.Timeout")
    assert house.attempts(identity) == [(1, 1, "CANCELLED")] and house.left_open(identity) == []
    house.succeed(claim)
    assert house.status(identity) == "TIMED_OUT" and house.executions.counters["fenced_results"] == 1


def test_an_execution_that_ends_in_time_leaves_no_timer(house: Stage):
    identity = house.start({**machine(a=task("step1"), b=task("step2")), "TimeoutSeconds": 60})
    for waiting in house.rung():
        house.work.run(waiting)
    assert house.status(identity) == "COMPLETED" and house.left_open(identity) == []


# Pause, resume, cancel


def test_a_pause_lets_what_runs_finish_and_nothing_new_begin(house: Stage):
    identity = house.start(TWO)
    claim = house.claim(identity)
    house.rung()
    house.executions.pause(identity)
    assert house.execution(identity).revision == claim.revision + 1
    assert house.succeed(claim, 1, goes_on=True) is None
    assert house.statuses(identity) == ["COMPLETED", "QUEUED"]
    assert house.task(identity, 2).queued_at is None and house.rung() == []
    assert house.tasks.claim(house.task(identity, 2).id) is None
    house.executions.resume(identity)
    assert house.rung() == [house.task(identity, 2).id]
    house.work.run(house.task(identity, 2).id)
    assert house.status(identity) == "COMPLETED"


def test_a_pause_hides_what_is_queued_from_the_database_too(house: Stage):
    identity = house.start(TWO)
    house.executions.pause(identity)
    house.executions.pause(identity)
    with database.connection_context():
        assert queries.queued_tasks(-SECOND, 10) == []
    house.executions.resume(identity)
    with database.connection_context():
        assert queries.queued_tasks(-SECOND, 10) == [house.task(identity, 1).id]


def test_a_timer_of_a_paused_execution_fires_and_queues_nothing(house: Stage):
    identity = house.start(machine(w={"Type": "Wait", "Seconds": 60}, a=task("step1")))
    house.executions.pause(identity)
    house.fire_timers()
    assert house.statuses(identity) == ["QUEUED"] and house.rung() == []
    house.executions.resume(identity)
    house.run()
    assert house.status(identity) == "COMPLETED"


def test_a_cancel_ends_all_that_is_open(house: Stage):
    both = parallel(branch("step1"), branch("step2"), machine(w={"Type": "Wait", "Seconds": 60}))
    identity = house.start(machine(both=both))
    claim = house.claim_all(identity)[0]
    house.executions.cancel(identity)
    row = house.execution(identity)
    assert (row.status, row.error, row.finished_at is not None) == ("CANCELLED", None, True)
    assert house.statuses(identity) == ["CANCELLED", "CANCELLED"]
    assert house.left_open(identity) == [] and house.fire_timers() == 0
    assert [outcome for _, _, outcome in house.attempts(identity)] == ["CANCELLED"] * 2
    assert house.history(identity)[-1] == "ExecutionAborted"
    before = house.everything(identity)
    house.succeed(claim, 1)
    assert house.everything(identity) == before and house.executions.counters["fenced_results"] == 1


@pytest.mark.parametrize("act", ["cancel", "pause", "resume"])
def test_what_has_ended_cannot_be_stopped(house: Stage, act: str):
    ended = house.start(PASS)
    before = house.everything(ended)
    with pytest.raises(Conflict, match="is COMPLETED and cannot be"):
        getattr(house.executions, act)(ended)
    assert house.everything(ended) == before
    for unknown in (new_execution_id(), "no id", ""):
        with pytest.raises(NotFound):
            getattr(house.executions, act)(unknown)


# Task tokens


def test_a_task_token_is_answered_long_after_its_handler(house: Stage):
    identity, token = waiting_for_token(house)
    held = house.task(identity)
    assert (held.status, held.owner, held.lease_until) == ("IN_PROGRESS", None, None)
    house.executions.answer(token, TokenAnswer({"yes": True}))
    assert house.output(identity) == {"yes": True} and house.attempts(identity) == [(1, 1, "COMPLETED")]
    with pytest.raises(TaskClosed):
        house.executions.answer(token, TokenAnswer(1))


def test_an_execution_that_waits_for_a_token_can_be_cancelled(house: Stage):
    identity, token = waiting_for_token(house)
    house.executions.cancel(identity)
    assert house.status(identity) == "CANCELLED" and house.attempts(identity) == [(1, 1, "COMPLETED")]
    with pytest.raises(TaskClosed):
        house.executions.answer(token, TokenAnswer(1))


def test_a_token_that_nobody_answers_times_out(house: Stage):
    identity, token = waiting_for_token(house)
    house.set(house.task(identity), deadline_at=LONG_AGO)
    house.tasks.sweep()
    assert (house.status(identity), house.execution(identity).error) == ("FAILED", "States.Timeout")
    with pytest.raises(TaskClosed):
        house.executions.answer(token, TokenAnswer(1))


@pytest.mark.parametrize("token", ["", "x", "a.b", NOBODYS, "\u0661.1", "1." * 500])
def test_a_forged_token_is_refused(house: Stage, token: str):
    with pytest.raises(InvalidToken):
        house.executions.answer(token, TokenAnswer(1))


def with_token(house: Stage, **fields: object) -> str:
    """An execution whose first state hands out a token."""
    parameters = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    return house.start(machine(ask=task(WITH_TOKEN, Parameters=parameters, **fields)))


def test_a_token_that_is_answered_while_its_handler_runs_keeps_what_the_handler_printed(house: Stage):
    identity = with_token(house)
    claim = house.claim(identity)
    house.executions.answer(claim.token, TokenAnswer({"yes": True}))
    house.executions.succeed(claim, "1", "printed", lambda following: True)
    assert (house.status(identity), house.output(identity)) == ("COMPLETED", {"yes": True})
    with database.connection_context():
        (attempt,) = Attempt.select()
    assert (attempt.outcome, attempt.logs) == ("COMPLETED", "printed")
    assert house.executions.counters["fenced_results"] == 0


def test_a_token_that_is_answered_with_an_error_while_its_handler_runs_has_failed(house: Stage):
    identity = with_token(house)
    claim = house.claim(identity)
    house.executions.answer(claim.token, TokenAnswer(error="No", cause="why"))
    assert (house.status(identity), house.execution(identity).error) == ("FAILED", "No")
    assert house.attempts(identity) == [(1, 1, "FAILED")]


def test_a_token_may_be_answered_in_the_moment_its_handler_returns(house: Stage, monkeypatch):
    identity = with_token(house)
    claim = house.claim(identity)
    found = task_tokens.task_of

    def returns_meanwhile(token: str) -> Task:
        task = found(token)
        house.executions.succeed(claim, "1", "", lambda following: True)
        return task

    monkeypatch.setattr(task_tokens, "task_of", returns_meanwhile)
    house.executions.answer(claim.token, TokenAnswer(2))
    assert (house.status(identity), house.output(identity)) == ("COMPLETED", 2)


def test_a_token_of_an_earlier_try_does_not_answer_the_next_one(house: Stage, monkeypatch):
    """The look for the token still finds it; then the try ends, and the next one begins with a token of its own."""
    identity = with_token(house, Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 0}])
    claim = house.claim(identity)
    found = task_tokens.task_of

    def is_tried_again_meanwhile(token: str) -> Task:
        task = found(token)
        house.executions.fail(claim, "No", None, "")
        house.fire_timers()
        assert house.claim(identity).token != token
        return task

    monkeypatch.setattr(task_tokens, "task_of", is_tried_again_meanwhile)
    with pytest.raises(TaskClosed):
        house.executions.answer(claim.token, TokenAnswer(2))
    assert house.statuses(identity) == ["IN_PROGRESS"]


def test_a_token_may_be_answered_while_its_task_has_to_run_again(house: Stage):
    identity = with_token(house)
    claim = house.claim(identity)
    house.tasks.give_back(claim)
    house.executions.heartbeat(claim.token)
    house.executions.answer(claim.token, TokenAnswer(3))
    assert (house.status(identity), house.output(identity)) == ("COMPLETED", 3)
    assert house.attempts(identity) == [(1, 1, "RETURNED")]


def waiting_for_token(house: Stage) -> tuple[str, str]:
    """An execution whose handler has returned, and the token that it waits for."""
    parameters = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    identity = house.start(machine(ask=task(WITH_TOKEN, Parameters=parameters, TimeoutSeconds=60)))
    house.run()
    return identity, house.task(identity).token
