"""The job of a slot, with handlers that follow the test's script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event, Thread

import pytest
from peewee import OperationalError

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Execution
from stepwell.runtime import crashpoints, outage
from stepwell.runtime.invoke.outcome import Outcome
from tests.runtime.stage import LONG_AGO, Stage, raises, returns, steps

FIVE = steps(*["step1"] * 5)


@pytest.fixture
def long_slice(monkeypatch) -> None:
    """Make a slice of time so long that it does not end during the test, however slow the machine is."""
    monkeypatch.setattr("stepwell.runtime.tasks.slot.SLICE_SECONDS", 3600)


def test_a_worker_goes_on_with_what_follows(stage: Stage, long_slice: None):
    identity = stage.start(FIVE)
    stage.work.run(*stage.take_queued())
    assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", "step1")
    assert stage.take_queued() == []


def test_a_slice_that_is_over_leaves_the_next_task_to_others(stage: Stage, monkeypatch):
    monkeypatch.setattr("stepwell.runtime.tasks.slot.SLICE_SECONDS", 0)
    identity = stage.start(FIVE)
    stage.work.run(*stage.take_queued())
    assert stage.statuses(identity) == ["COMPLETED", "QUEUED", "PENDING", "PENDING", "PENDING"]
    assert stage.take_queued() == [stage.task(identity, 2).id]


def test_a_drained_worker_claims_nothing_and_passes_the_message_on(stage: Stage):
    identity = stage.start(FIVE)
    (waiting,) = stage.take_queued()
    stage.work.draining.set()
    stage.work.run(waiting)
    assert stage.take_queued() == [waiting] and stage.statuses(identity)[0] == "QUEUED"


def test_a_worker_that_drains_while_a_handler_runs_does_not_go_on(stage: Stage):
    stage.script.let("step1", lambda event: stage.work.draining.set() or returns(1))
    identity = stage.start(FIVE)
    stage.work.run(*stage.take_queued())
    assert stage.statuses(identity)[:2] == ["COMPLETED", "QUEUED"]
    assert stage.take_queued() == [stage.task(identity, 2).id]


def test_what_was_lost_often_runs_beside_no_other_such(stage: Stage):
    suspect, other, plain = (stage.task(stage.start(steps(name))) for name in ("step1", "step2", "step2"))
    stage.set(suspect, losses=2)
    stage.set(other, losses=2)
    seen: list[str] = []

    def handler(event: object) -> Outcome:
        for task in (other, plain):
            stage.work.run(task.id)
            seen.append(stage.task(task.execution_id).status)
        return returns(1)

    stage.script.let("step1", handler)
    stage.work.run(suspect.id)
    assert seen == ["QUEUED", "COMPLETED"]
    stage.work.run(other.id)
    assert stage.status(other.execution_id) == "COMPLETED"


def test_what_was_lost_often_may_run_beside_what_was_not(stage: Stage):
    plain, suspect = (stage.task(stage.start(steps(name))) for name in ("step1", "step2"))
    stage.set(suspect, losses=2)
    seen: list[str] = []

    def handler(event: object) -> Outcome:
        stage.work.run(suspect.id)
        seen.append(stage.task(suspect.execution_id).status)
        return returns(1)

    stage.script.let("step1", handler)
    stage.work.run(plain.id)
    assert seen == ["COMPLETED"]


def test_what_runs_is_handed_back_and_stopped(stage: Stage):
    identity = stage.start(FIVE)
    task = stage.task(identity, 1)

    def handler(event: object) -> Outcome:
        stage.work.hand_back()
        return Outcome(killed=True)

    stage.script.let("step1", handler)
    stage.work.run(*stage.take_queued())
    assert stage.script.killed == [f"{task.id}/1"]
    assert stage.attempts(identity) == [(1, 1, "RETURNED")]
    back = stage.task(identity, 1)
    assert (back.status, back.owner, back.losses, back.retries) == ("QUEUED", None, 0, 0)
    assert stage.take_queued() == [task.id]


def test_a_heartbeat_asks_for_longer_for_what_runs(stage: Stage):
    identity = stage.start(steps("step1"))
    task = stage.task(identity, 1)

    def handler(event: object) -> Outcome:
        stage.set(task, lease_until=LONG_AGO)
        stage.work.heartbeat()
        assert stage.task(identity, 1).lease_until > LONG_AGO
        return returns(1)

    stage.script.let("step1", handler)
    stage.work.run(*stage.take_queued())
    assert stage.status(identity) == "COMPLETED" and stage.script.killed == []


@pytest.mark.parametrize("taken", ["lost", "cancelled"])
def test_a_heartbeat_stops_the_handler_of_a_task_that_is_gone(stage: Stage, taken: str):
    identity = stage.start(FIVE)
    task = stage.task(identity, 1)

    def handler(event: object) -> Outcome:
        if taken == "cancelled":
            stage.executions.cancel(identity)
        else:
            stage.set(task, lease_until=LONG_AGO)
            stage.another_worker().claims.sweep()
        stage.work.heartbeat()
        return Outcome(killed=True)

    stage.script.let("step1", handler)
    stage.work.run(*stage.take_queued()[:1])
    assert stage.script.killed == [f"{task.id}/1"]
    assert stage.task(identity, 1).status == ("CANCELLED" if taken == "cancelled" else "QUEUED")


def test_a_claim_that_came_while_the_heartbeat_was_asking_is_not_judged_by_its_answer(stage: Stage, monkeypatch):
    stage.start(steps("step1"))
    other = stage.start(steps("step2"), workflow="other")
    heartbeat, claimed, judged = queries.heartbeat, Event(), Event()

    def asks(*args: object) -> set[tuple[str, int]]:
        answer = heartbeat(*args)
        beside.start()
        assert claimed.wait(30)
        return answer

    def runs_beside(event: object) -> Outcome:
        claimed.set()
        assert judged.wait(30)
        return returns(2)

    beside = Thread(target=stage.work.run, args=(stage.task(other, 1).id,))
    monkeypatch.setattr(queries, "heartbeat", asks)
    stage.script.let("step1", lambda event: stage.work.heartbeat() or returns(1))
    stage.script.let("step2", runs_beside)
    stage.work.run(stage.take_queued()[0])
    judged.set()
    beside.join()
    assert stage.script.killed == []
    assert stage.status(other) == "COMPLETED"


def test_two_attempts_of_a_task_in_one_process_are_two_things_that_run(stage: Stage):
    """This process lost its lease and claims the task again, while the first handler still runs."""
    identity = stage.start(steps("step1"))
    running: list[list[int]] = []

    def second(event: object) -> Outcome:
        running.append([claim.attempt for claim in stage.work.running()])
        return returns(2)

    def first(event: object) -> Outcome:
        stage.set(stage.task(identity), lease_until=LONG_AGO)
        stage.tasks.sweep()
        stage.work.run(stage.task(identity).id)
        running.append([claim.attempt for claim in stage.work.running()])
        return returns(1)

    stage.script.let("step1", first, second)
    stage.work.run(stage.task(identity).id)
    assert running == [[1, 2], [1]] and stage.work.running() == []
    assert stage.output(identity) == 2


def test_a_task_nobody_works_on_any_more_is_left_to_its_lease(stage: Stage):
    """A claim whose report failed for good must lose its lease, although other handlers run beside it."""
    orphan = stage.start(FIVE)
    stage.claim(orphan)
    beside = stage.start(FIVE, workflow="other")
    lease = stage.task(orphan, 1).lease_until
    stage.set(stage.task(orphan, 1), lease_until=lease - 1)
    stage.script.let("step1", lambda event: stage.work.heartbeat() or returns(1))
    stage.work.run(stage.task(beside, 1).id)
    assert stage.task(orphan, 1).lease_until == lease - 1


def test_a_result_is_reported_again_while_the_database_is_unreachable(stage: Stage, monkeypatch):
    monkeypatch.setattr(outage, "PATIENCE", (0, 0, 0))
    finish, failures = queries.finish, [OperationalError("away"), OperationalError("away")]

    def shaky(move: object) -> object:
        if failures:
            raise failures.pop()
        return finish(move)

    monkeypatch.setattr(queries, "finish", shaky)
    identity = stage.start(steps("step1"))
    stage.work.run(*stage.take_queued())
    assert stage.status(identity) == "COMPLETED"


@pytest.fixture
def fail_once_at(monkeypatch) -> Iterator[Callable[[str], None]]:
    """Fails a caller once at a point, although its commit succeeded."""
    monkeypatch.setattr(outage, "PATIENCE", (0, 0, 0))

    def arm_fault(point: str) -> None:
        left = [True]

        def break_once() -> None:
            if left:
                left.pop()
                raise OperationalError("the connection broke after the commit")

        crashpoints.arm(point, break_once)

    yield arm_fault
    crashpoints.disarm()


@pytest.mark.parametrize("point", ["claim.after_commit", "finish.after_commit", "claim.before_commit"])
def test_what_was_committed_though_nobody_said_so_is_read_back_and_gone_on_with(
    stage: Stage, fail_once_at, long_slice: None, point: str
):
    fail_once_at(point)
    identity = stage.start(steps("step1", "step2", "step1"))
    stage.work.run(*stage.take_queued())
    assert stage.status(identity) == "COMPLETED"
    assert stage.attempts(identity) == [(1, 1, "COMPLETED"), (2, 1, "COMPLETED"), (3, 1, "COMPLETED")]
    assert stage.executions.counters["fenced_results"] == 0
    assert [name for name, _ in stage.script.events] == ["step1", "step2", "step1"]


def test_what_follows_a_move_that_nobody_confirmed_is_notified_of(stage: Stage, fail_once_at):
    """The general path does not claim the next task with the move, so it must notify workers of it."""
    identity = stage.start(steps("step1", "step2"))
    waiting = stage.take_queued()
    fail_once_at("advance.after_commit")
    with stage.general_path():
        stage.work.run(*waiting)
    assert stage.statuses(identity) == ["COMPLETED", "QUEUED"]
    assert stage.take_queued() == [stage.task(identity, 2).id]
    assert stage.executions.counters["fenced_results"] == 0


@pytest.mark.parametrize("point", ["advance.after_commit", "advance.before_commit"])
def test_a_failure_that_was_committed_though_nobody_said_so_is_taken_once(stage: Stage, fail_once_at, point: str):
    stage.script.let("flaky", raises("E"), returns(1))
    identity = stage.start({"steps": [{"taskName": "flaky", "retry": {"maxAttempts": 2, "intervalSeconds": 0}}]})
    waiting = stage.take_queued()
    fail_once_at(point)
    stage.work.run(*waiting)
    stage.run()
    assert stage.status(identity) == "COMPLETED"
    assert stage.attempts(identity) == [(1, 1, "FAILED"), (1, 2, "COMPLETED")]


def test_a_start_that_was_committed_though_nobody_said_so_is_a_start(stage: Stage, fail_once_at):
    fail_once_at("start.after_commit")
    identity = stage.start(steps("step1"))
    stage.run()
    assert stage.status(identity) == "COMPLETED"


def test_a_start_that_was_not_committed_is_refused(stage: Stage, fail_once_at):
    fail_once_at("start.before_commit")
    with pytest.raises(OperationalError):
        stage.start(steps("step1"))
    with database.connection_context():
        assert Execution.select().count() == 0


def test_a_handler_that_could_not_even_be_called_costs_its_task_nothing(stage: Stage, monkeypatch):
    monkeypatch.setattr("stepwell.runtime.tasks.slot.SICK_SECONDS", 0)
    stage.script.let("step1", Outcome(error="Lambda.ServiceException", cause="no process", not_run=True), returns(1))
    identity = stage.start(steps("step1", retry={"maxAttempts": 1}))
    stage.run()
    assert stage.status(identity) == "COMPLETED"
    assert stage.attempts(identity) == [(1, 1, "RETURNED"), (1, 2, "COMPLETED")]


def test_an_outcome_that_cannot_be_taken_fails_its_task(stage: Stage, monkeypatch):
    def broken(*given: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(stage.executions, "succeed", broken)
    identity = stage.start(steps("step1"))
    stage.run()
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "States.Runtime")
    assert stage.attempts(identity) == [(1, 1, "FAILED")]


def test_a_handler_is_stopped_before_another_may_begin(stage: Stage):
    identity = stage.start(FIVE)
    began, seen = Event(), []

    def runs(event: object) -> Outcome:
        began.set()
        stopped.wait(30)
        return Outcome(killed=True)

    stopped = Event()

    def kill(key: str) -> bool:
        seen.append(stage.task(identity).status)
        stopped.set()
        return True

    stage.script.let("step1", runs)
    stage.script.kill = kill  # type: ignore[method-assign]
    slot = Thread(target=stage.work.run, args=stage.take_queued())
    slot.start()
    assert began.wait(30)
    stage.work.hand_back()
    slot.join(30)
    assert seen == ["IN_PROGRESS"] and stage.task(identity).status == "QUEUED"


def test_what_happens_next_happens_when_the_handler_has_returned(stage: Stage):
    identity = stage.start(steps("step1", "step2"))
    claim = stage.claim(identity)
    stage.executions.succeed(claim, "1", "", lambda following: False, took_ms=5000)
    assert stage.execution(identity).entered_at == claim.now + 5000
