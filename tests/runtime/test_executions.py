"""The door: start, the general path, retries, waits, branches, pause, cancel."""

from __future__ import annotations

import json
from functools import partial

import pytest

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
from stepwell.runtime.moves.guards import TaskAnswer
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


def test_a_start_writes_the_planned_tasks_and_queues_the_first(stage: Stage):
    identity = stage.start(TWO, {"a": [1]}, name="first")
    row = stage.execution(identity)
    assert (row.status, row.name, row.workflow, row.version, row.revision) == ("IN_PROGRESS", "first", "play", 1, 0)
    assert (json.loads(row.input), row.state, row.waiting, row.finished_at) == ({"a": [1]}, "step1", "task", None)
    first, second = stage.rows(identity)
    assert [first.id, second.id] == [task_id(identity, 1), task_id(identity, 2)]
    assert (first.status, first.attempt, first.owner, first.timeout_seconds) == ("QUEUED", 0, None, 30)
    assert first.queued_at is not None and json.loads(first.input)["input"] == {"a": [1]}
    assert (second.status, second.input, second.queued_at) == ("PENDING", None, None)
    assert stage.history(identity) == ["ExecutionStarted", "TaskStateEntered", "TaskScheduled"]
    assert stage.take_queued() == [first.id]


def test_a_start_writes_branches_and_timers(stage: Stage):
    both = parallel(branch("step1"), machine(w={"Type": "Wait", "Seconds": 60}))
    identity = stage.start({**machine(both=both), "TimeoutSeconds": 600})
    held = stage.everything(identity)
    assert [one["waiting"] for one in held["Frame"]] == ["task", "timer"]
    assert sorted(one["kind"] for one in held["Timer"]) == ["execution", "wait"]
    by_kind = {one["kind"]: one["due_at"] - held["execution"][0]["created_at"] for one in held["Timer"]}
    assert 60_000 <= by_kind["wait"] < 120_000 and 600_000 <= by_kind["execution"] < 660_000
    assert stage.execution(identity).open == 2


def test_an_input_that_is_too_large_starts_nothing(stage: Stage):
    limit = Settings().limits.payload
    assert stage.start(PASS, "x" * (limit - 2))
    with pytest.raises(PayloadTooLarge):
        stage.start(PASS, "x" * (limit - 1))
    with pytest.raises(PayloadTooLarge, match="the first step's event"):
        stage.start(TWO, "x" * (limit - 2))
    assert stage.start(TWO, "x" * (limit - 1000))
    with database.connection_context():
        assert Execution.select().count() == 2


def test_a_name_is_taken_once_per_workflow(stage: Stage):
    stage.start(TWO, name="x")
    with pytest.raises(NameTaken, match=r"named 'x'"):
        stage.start(TWO, name="x")
    assert stage.start(TWO, name="x", workflow="other")
    with pytest.raises(InvalidName):
        stage.start(TWO, name="a b")


def test_a_key_starts_one_execution_and_says_so_again(stage: Stage):
    first = stage.start(TWO, {"a": 1}, name="n", key="k")
    assert stage.start(TWO, {"a": 1}, name="n", key="k") == first
    with pytest.raises(KeyReused):
        stage.start(TWO, {"a": 2}, name="n", key="k")
    assert stage.start(TWO, {"a": 1}, key="other") != first


def test_many_threads_with_one_key_start_one_execution(stage: Stage):
    stage.workflows.create("play", TWO)
    start = partial(stage.executions.start, stage.workflows.latest("play"), Wanted({}, key=key_of("k", {})))
    assert len({started.id for started in at_once(*[start] * 16)}) == 1
    with database.connection_context():
        assert (Execution.select().count(), Task.select().count()) == (1, 2)
    assert len(stage.take_queued()) == 1


def test_a_key_whose_name_is_taken_is_not_kept(stage: Stage):
    stage.start(TWO, name="x")
    with pytest.raises(NameTaken):
        stage.start(TWO, name="x", key="k")
    with database.connection_context():
        assert (Execution.select().count(), StartKey.select().count(), Task.select().count()) == (1, 0, 2)
    assert stage.start(TWO, name="y", key="k")


@pytest.mark.parametrize(
    ("definition", "status", "output", "error"),
    [
        (PASS, "COMPLETED", 7, None),
        (machine(a={"Type": "Pass"}, b={"Type": "Succeed"}), "COMPLETED", {"in": 1}, None),
        (machine(a={"Type": "Fail", "Error": "No", "Cause": "why"}), "FAILED", None, "No"),
        (machine(both=parallel(PASS, machine(b={"Type": "Pass", "Result": 8}))), "COMPLETED", [7, 8], None),
    ],
)
def test_a_machine_that_ends_at_once_has_ended_at_its_start(stage: Stage, definition, status, output, error):
    identity = stage.start(definition, {"in": 1})
    row = stage.execution(identity)
    assert (row.status, row.error, row.output and json.loads(row.output)) == (status, error, output)
    assert row.finished_at is not None
    assert stage.left_open(identity) == [] and stage.take_queued() == []
    assert stage.history(identity)[-1] in ("ExecutionSucceeded", "ExecutionFailed")


# The general path


def test_an_execution_runs_to_its_end_by_the_general_path(stage: Stage):
    identity = stage.start(TWO)
    with stage.general_path():
        stage.run()
    assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", "step2")
    assert stage.statuses(identity) == ["COMPLETED", "COMPLETED"]
    assert stage.attempts(identity) == [(1, 1, "COMPLETED"), (2, 1, "COMPLETED")]
    assert stage.history(identity)[-3:] == ["TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]


def test_a_failure_ends_the_execution_and_what_was_planned(stage: Stage):
    stage.script.let("step1", raises("Broken", "because"))
    identity = stage.start(TWO)
    stage.run()
    row = stage.execution(identity)
    assert (row.status, row.error, row.cause, row.output) == ("FAILED", "Broken", "because", None)
    assert stage.statuses(identity) == ["FAILED", "CANCELLED"] and stage.left_open(identity) == []
    first = stage.task(identity, 1)
    assert (first.error, first.cause, first.owner, first.finished_at is not None) == ("Broken", "because", None, True)
    assert stage.attempts(identity) == [(1, 1, "FAILED")]


def test_a_door_that_knows_no_version_yet_loads_it_inside_the_move(stage: Stage):
    identity = stage.start(machine(w={"Type": "Wait", "Seconds": 60}))
    stage.workflows._machine.cache_clear()
    stage.fire_timers()
    assert stage.status(identity) == "COMPLETED"


# Retries and waits


def test_a_retry_holds_the_task_until_its_timer_fires(stage: Stage):
    stage.script.let("step1", raises("Once"), returns("at last"))
    identity = stage.start(steps("step1", retry=RETRY))
    stage.work.run(*stage.take_queued())
    held = stage.task(identity, 1)
    assert (held.status, held.retries, held.error, held.owner, held.attempt) == ("PENDING", 1, "Once", None, 1)
    with database.connection_context():
        timer = Timer.get()
    assert (timer.kind, timer.number) == (commands.RETRY, 1) and timer.due_at >= held.created_at + 5 * SECOND
    assert stage.take_queued() == [] and stage.tasks.claim(held.id) is None
    assert stage.fire_timers() == 1
    assert stage.task(identity, 1).status == "QUEUED" and stage.take_queued() == [held.id]
    stage.work.run(held.id)
    done = stage.task(identity, 1)
    assert (done.status, done.attempt, done.retries, done.error) == ("COMPLETED", 2, 1, None)
    assert stage.output(identity) == "at last"
    assert stage.attempts(identity) == [(1, 1, "FAILED"), (1, 2, "COMPLETED")]


def test_retries_are_used_up(stage: Stage):
    stage.script.let("step1", raises("Always"))
    identity = stage.start(steps("step1", retry=RETRY))
    stage.run()
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "Always")
    assert stage.attempts(identity) == [(1, n, "FAILED") for n in (1, 2, 3)]
    assert [event["step"]["retry"] for _, event in stage.script.events] == [0, 1, 2]
    assert len({event["step"]["idempotencyKey"] for _, event in stage.script.events}) == 1


def test_a_timer_fires_once_for_many(stage: Stage):
    stage.script.let("step1", raises("Once"), returns(1))
    started = [stage.start(steps("step1", retry=RETRY)) for _ in range(20)]
    with stage.general_path():
        for claim in map(stage.claim, started):
            stage.executions.fail(claim, "Once", None, "")
    stage.take_queued()
    due = stage.timers()
    fired = at_once(*[lambda: sum(stage.executions.fire(timer) for timer in due)] * 4)
    assert len(due) == 20 == sum(fired)
    assert sorted(stage.take_queued()) == sorted(task_id(one, 1) for one in started)
    assert all(stage.history(one).count("TaskScheduled") == 2 for one in started)


def test_a_wait_holds_nothing_but_a_timer(stage: Stage):
    identity = stage.start(machine(w={"Type": "Wait", "Seconds": 60}, a=task("step1")))
    assert stage.rows(identity) == [] and stage.take_queued() == []
    stage.run()
    assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", "step1")
    assert stage.left_open(identity) == []


def test_an_execution_times_out(stage: Stage):
    identity = stage.start({**machine(a=task("step1"), b=task("step2")), "TimeoutSeconds": 60})
    claim = stage.claim(identity)
    stage.fire_timers()
    row = stage.execution(identity)
    assert (row.status, row.error) == ("TIMED_OUT", "States.Timeout")
    assert stage.attempts(identity) == [(1, 1, "CANCELLED")] and stage.left_open(identity) == []
    stage.succeed(claim)
    assert stage.status(identity) == "TIMED_OUT" and stage.executions.counters["fenced_results"] == 1


def test_an_execution_that_ends_in_time_leaves_no_timer(stage: Stage):
    identity = stage.start({**machine(a=task("step1"), b=task("step2")), "TimeoutSeconds": 60})
    for waiting in stage.take_queued():
        stage.work.run(waiting)
    assert stage.status(identity) == "COMPLETED" and stage.left_open(identity) == []


# Pause, resume, cancel


def test_a_pause_lets_what_runs_finish_and_nothing_new_begin(stage: Stage):
    identity = stage.start(TWO)
    claim = stage.claim(identity)
    stage.take_queued()
    stage.executions.pause(identity)
    assert stage.execution(identity).revision == claim.revision + 1
    assert stage.succeed(claim, 1, goes_on=True) is None
    assert stage.statuses(identity) == ["COMPLETED", "QUEUED"]
    assert stage.task(identity, 2).queued_at is None and stage.take_queued() == []
    assert stage.tasks.claim(stage.task(identity, 2).id) is None
    stage.executions.resume(identity)
    assert stage.take_queued() == [stage.task(identity, 2).id]
    stage.work.run(stage.task(identity, 2).id)
    assert stage.status(identity) == "COMPLETED"


def test_a_pause_hides_what_is_queued_from_the_database_too(stage: Stage):
    identity = stage.start(TWO)
    stage.executions.pause(identity)
    stage.executions.pause(identity)
    assert waiting(stage) == []
    stage.executions.resume(identity)
    assert waiting(stage) == [stage.task(identity, 1).id]


def waiting(stage: Stage) -> list[str]:
    return [one.id for one in stage.waiting(-SECOND)]


def test_a_timer_of_a_paused_execution_fires_and_queues_nothing(stage: Stage):
    identity = stage.start(machine(w={"Type": "Wait", "Seconds": 60}, a=task("step1")))
    stage.executions.pause(identity)
    stage.fire_timers()
    assert stage.statuses(identity) == ["QUEUED"] and stage.take_queued() == []
    stage.executions.resume(identity)
    stage.run()
    assert stage.status(identity) == "COMPLETED"


def test_a_cancel_ends_all_that_is_open(stage: Stage):
    both = parallel(branch("step1"), branch("step2"), machine(w={"Type": "Wait", "Seconds": 60}))
    identity = stage.start(machine(both=both))
    claim = stage.claim_all(identity)[0]
    stage.executions.cancel(identity)
    row = stage.execution(identity)
    assert (row.status, row.error, row.finished_at is not None) == ("CANCELLED", None, True)
    assert stage.statuses(identity) == ["CANCELLED", "CANCELLED"]
    assert stage.left_open(identity) == [] and stage.fire_timers() == 0
    assert [outcome for _, _, outcome in stage.attempts(identity)] == ["CANCELLED"] * 2
    assert stage.history(identity)[-1] == "ExecutionAborted"
    before = stage.everything(identity)
    stage.succeed(claim, 1)
    assert stage.everything(identity) == before and stage.executions.counters["fenced_results"] == 1


@pytest.mark.parametrize("act", ["cancel", "pause", "resume"])
def test_what_has_ended_cannot_be_stopped(stage: Stage, act: str):
    ended = stage.start(PASS)
    before = stage.everything(ended)
    with pytest.raises(Conflict, match="is COMPLETED and cannot be"):
        getattr(stage.executions, act)(ended)
    assert stage.everything(ended) == before
    for unknown in (new_execution_id(), "no id", ""):
        with pytest.raises(NotFound):
            getattr(stage.executions, act)(unknown)


# Task tokens


def test_a_task_token_is_answered_long_after_its_handler(stage: Stage):
    identity, token = waiting_for_token(stage)
    held = stage.task(identity)
    assert (held.status, held.owner, held.lease_until) == ("IN_PROGRESS", None, None)
    stage.executions.answer(token, TaskAnswer({"yes": True}))
    assert stage.output(identity) == {"yes": True} and stage.attempts(identity) == [(1, 1, "COMPLETED")]
    with pytest.raises(TaskClosed):
        stage.executions.answer(token, TaskAnswer(1))


def test_an_execution_that_waits_for_a_token_can_be_cancelled(stage: Stage):
    identity, token = waiting_for_token(stage)
    stage.executions.cancel(identity)
    assert stage.status(identity) == "CANCELLED" and stage.attempts(identity) == [(1, 1, "COMPLETED")]
    with pytest.raises(TaskClosed):
        stage.executions.answer(token, TaskAnswer(1))


def test_a_token_that_nobody_answers_times_out(stage: Stage):
    identity, token = waiting_for_token(stage)
    stage.set(stage.task(identity), deadline_at=LONG_AGO)
    stage.tasks.sweep()
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "States.Timeout")
    with pytest.raises(TaskClosed):
        stage.executions.answer(token, TaskAnswer(1))


@pytest.mark.parametrize("token", ["", "x", "a.b", NOBODYS, "\u0661.1", "1." * 500])
def test_a_forged_token_is_refused(stage: Stage, token: str):
    with pytest.raises(InvalidToken):
        stage.executions.answer(token, TaskAnswer(1))


def with_token(stage: Stage, **fields: object) -> str:
    """Start an execution whose first state hands out a token."""
    parameters = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    return stage.start(machine(ask=task(WITH_TOKEN, Parameters=parameters, **fields)))


def test_a_token_that_is_answered_while_its_handler_runs_keeps_what_the_handler_printed(stage: Stage):
    identity = with_token(stage)
    claim = stage.claim(identity)
    stage.executions.answer(claim.token, TaskAnswer({"yes": True}))
    stage.executions.succeed(claim, "1", "printed", lambda following: True)
    assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", {"yes": True})
    with database.connection_context():
        (attempt,) = Attempt.select()
    assert (attempt.outcome, attempt.logs) == ("COMPLETED", "printed")
    assert stage.executions.counters["fenced_results"] == 0


def test_a_token_that_is_answered_with_an_error_while_its_handler_runs_has_failed(stage: Stage):
    identity = with_token(stage)
    claim = stage.claim(identity)
    stage.executions.answer(claim.token, TaskAnswer(error="No", cause="why"))
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "No")
    assert stage.attempts(identity) == [(1, 1, "FAILED")]


def test_a_token_may_be_answered_in_the_moment_its_handler_returns(stage: Stage, monkeypatch):
    identity = with_token(stage)
    claim = stage.claim(identity)
    found = task_tokens.task_of

    def returns_meanwhile(token: str) -> Task:
        task = found(token)
        stage.executions.succeed(claim, "1", "", lambda following: True)
        return task

    monkeypatch.setattr(task_tokens, "task_of", returns_meanwhile)
    stage.executions.answer(claim.token, TaskAnswer(2))
    assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", 2)


def test_a_token_of_an_earlier_try_does_not_answer_the_next_one(stage: Stage, monkeypatch):
    """The lookup still finds the token. Then the try ends, and the next try begins with a new token."""
    identity = with_token(stage, Retry=[{"ErrorEquals": ["States.ALL"]}])
    claim = stage.claim(identity)
    found = task_tokens.task_of

    def is_tried_again_meanwhile(token: str) -> Task:
        task = found(token)
        stage.executions.fail(claim, "No", None, "")
        stage.fire_timers()
        assert stage.claim(identity).token != token
        return task

    monkeypatch.setattr(task_tokens, "task_of", is_tried_again_meanwhile)
    with pytest.raises(TaskClosed):
        stage.executions.answer(claim.token, TaskAnswer(2))
    assert stage.statuses(identity) == ["IN_PROGRESS"]


def test_a_token_may_be_answered_while_its_task_has_to_run_again(stage: Stage):
    identity = with_token(stage)
    claim = stage.claim(identity)
    stage.tasks.give_back(claim)
    stage.executions.heartbeat(claim.token)
    stage.executions.answer(claim.token, TaskAnswer(3))
    assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", 3)
    assert stage.attempts(identity) == [(1, 1, "RETURNED")]


def waiting_for_token(stage: Stage) -> tuple[str, str]:
    """Start an execution and run its handler. Returns its id and the token that it waits for."""
    parameters = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    identity = stage.start(machine(ask=task(WITH_TOKEN, Parameters=parameters, TimeoutSeconds=60)))
    stage.run()
    return identity, stage.task(identity).token
