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
    """A slice of time that does not end during the test, however slow the machine is."""
    monkeypatch.setattr("stepwell.runtime.tasks.slot.SLICE_SECONDS", 3600)


def test_a_worker_goes_on_with_what_follows(house: Stage, long_slice: None):
    identity = house.start(FIVE)
    house.work.run(*house.rung())
    assert (house.status(identity), house.output(identity)) == ("COMPLETED", "step1")
    assert house.rung() == []


def test_a_slice_that_is_over_leaves_the_next_task_to_others(house: Stage, monkeypatch):
    monkeypatch.setattr("stepwell.runtime.tasks.slot.SLICE_SECONDS", 0)
    identity = house.start(FIVE)
    house.work.run(*house.rung())
    assert house.statuses(identity) == ["COMPLETED", "QUEUED", "PENDING", "PENDING", "PENDING"]
    assert house.rung() == [house.task(identity, 2).id]


def test_a_drained_worker_claims_nothing_and_passes_the_message_on(house: Stage):
    identity = house.start(FIVE)
    (waiting,) = house.rung()
    house.work.draining.set()
    house.work.run(waiting)
    assert house.rung() == [waiting] and house.statuses(identity)[0] == "QUEUED"


def test_a_worker_that_drains_while_a_handler_runs_does_not_go_on(house: Stage):
    house.script.let("step1", lambda event: house.work.draining.set() or returns(1))
    identity = house.start(FIVE)
    house.work.run(*house.rung())
    assert house.statuses(identity)[:2] == ["COMPLETED", "QUEUED"]
    assert house.rung() == [house.task(identity, 2).id]


def test_what_was_lost_often_runs_beside_no_other_such(house: Stage):
    suspect, other, plain = (house.task(house.start(steps(name))) for name in ("step1", "step2", "step2"))
    house.set(suspect, losses=2)
    house.set(other, losses=2)
    seen: list[str] = []

    def handler(event: object) -> Outcome:
        for task in (other, plain):
            house.work.run(task.id)
            seen.append(house.task(task.execution_id).status)
        return returns(1)

    house.script.let("step1", handler)
    house.work.run(suspect.id)
    assert seen == ["QUEUED", "COMPLETED"]
    house.work.run(other.id)
    assert house.status(other.execution_id) == "COMPLETED"


def test_what_was_lost_often_may_run_beside_what_was_not(house: Stage):
    plain, suspect = (house.task(house.start(steps(name))) for name in ("step1", "step2"))
    house.set(suspect, losses=2)
    seen: list[str] = []

    def handler(event: object) -> Outcome:
        house.work.run(suspect.id)
        seen.append(house.task(suspect.execution_id).status)
        return returns(1)

    house.script.let("step1", handler)
    house.work.run(plain.id)
    assert seen == ["COMPLETED"]


def test_what_runs_is_handed_back_and_stopped(house: Stage):
    identity = house.start(FIVE)
    task = house.task(identity, 1)

    def handler(event: object) -> Outcome:
        house.work.hand_back()
        return Outcome(killed=True)

    house.script.let("step1", handler)
    house.work.run(*house.rung())
    assert house.script.killed == [f"{task.id}/1"]
    assert house.attempts(identity) == [(1, 1, "RETURNED")]
    back = house.task(identity, 1)
    assert (back.status, back.owner, back.losses, back.retries) == ("QUEUED", None, 0, 0)
    assert house.rung() == [task.id]


def test_a_heartbeat_asks_for_longer_for_what_runs(house: Stage):
    identity = house.start(steps("step1"))
    task = house.task(identity, 1)

    def handler(event: object) -> Outcome:
        house.set(task, lease_until=LONG_AGO)
        house.work.heartbeat()
        assert house.task(identity, 1).lease_until > LONG_AGO
        return returns(1)

    house.script.let("step1", handler)
    house.work.run(*house.rung())
    assert house.status(identity) == "COMPLETED" and house.script.killed == []


@pytest.mark.parametrize("taken", ["lost", "cancelled"])
def test_a_heartbeat_stops_the_handler_of_a_task_that_is_gone(house: Stage, taken: str):
    identity = house.start(FIVE)
    task = house.task(identity, 1)

    def handler(event: object) -> Outcome:
        if taken == "cancelled":
            house.executions.cancel(identity)
        else:
            house.set(task, lease_until=LONG_AGO)
            house.another_worker().claims.sweep()
        house.work.heartbeat()
        return Outcome(killed=True)

    house.script.let("step1", handler)
    house.work.run(*house.rung()[:1])
    assert house.script.killed == [f"{task.id}/1"]
    assert house.task(identity, 1).status == ("CANCELLED" if taken == "cancelled" else "QUEUED")


def test_a_claim_that_came_while_the_heartbeat_was_asking_is_not_judged_by_its_answer(house: Stage, monkeypatch):
    house.start(steps("step1"))
    other = house.start(steps("step2"), workflow="other")
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

    beside = Thread(target=house.work.run, args=(house.task(other, 1).id,))
    monkeypatch.setattr(queries, "heartbeat", asks)
    house.script.let("step1", lambda event: house.work.heartbeat() or returns(1))
    house.script.let("step2", runs_beside)
    house.work.run(house.rung()[0])
    judged.set()
    beside.join()
    assert house.script.killed == []
    assert house.status(other) == "COMPLETED"


def test_two_attempts_of_a_task_in_one_process_are_two_things_that_run(house: Stage):
    """This process lost its lease and claims the task again, while the first handler still runs."""
    identity = house.start(steps("step1"))
    running: list[list[int]] = []

    def second(event: object) -> Outcome:
        running.append([claim.attempt for claim in house.work.running()])
        return returns(2)

    def first(event: object) -> Outcome:
        house.set(house.task(identity), lease_until=LONG_AGO)
        house.tasks.sweep()
        house.work.run(house.task(identity).id)
        running.append([claim.attempt for claim in house.work.running()])
        return returns(1)

    house.script.let("step1", first, second)
    house.work.run(house.task(identity).id)
    assert running == [[1, 2], [1]] and house.work.running() == []
    assert house.output(identity) == 2


def test_a_task_nobody_works_on_any_more_is_left_to_its_lease(house: Stage):
    """A claim whose report failed for good must not be kept alive by the handlers beside it."""
    orphan = house.start(FIVE)
    house.claim(orphan)
    beside = house.start(FIVE, workflow="other")
    lease = house.task(orphan, 1).lease_until
    house.set(house.task(orphan, 1), lease_until=lease - 1)
    house.script.let("step1", lambda event: house.work.heartbeat() or returns(1))
    house.work.run(house.task(beside, 1).id)
    assert house.task(orphan, 1).lease_until == lease - 1


def test_a_result_is_reported_again_while_the_database_is_away(house: Stage, monkeypatch):
    monkeypatch.setattr(outage, "PATIENCE", (0, 0, 0))
    finish, failures = queries.finish, [OperationalError("away"), OperationalError("away")]

    def shaky(move: object) -> object:
        if failures:
            raise failures.pop()
        return finish(move)

    monkeypatch.setattr(queries, "finish", shaky)
    identity = house.start(steps("step1"))
    house.work.run(*house.rung())
    assert house.status(identity) == "COMPLETED"


@pytest.fixture
def deaf(monkeypatch) -> Iterator[Callable[[str], None]]:
    """Fails a caller once at a point, although its commit was made."""
    monkeypatch.setattr(outage, "PATIENCE", (0, 0, 0))

    def deafen(point: str) -> None:
        left = [True]

        def break_once() -> None:
            if left:
                left.pop()
                raise OperationalError("the connection broke after the commit")

        crashpoints.arm(point, break_once)

    yield deafen
    crashpoints.disarm()


@pytest.mark.parametrize("point", ["claim.after_commit", "finish.after_commit", "claim.before_commit"])
def test_what_was_committed_though_nobody_said_so_is_read_back_and_gone_on_with(
    house: Stage, deaf, long_slice: None, point: str
):
    deaf(point)
    identity = house.start(steps("step1", "step2", "step1"))
    house.work.run(*house.rung())
    assert house.status(identity) == "COMPLETED"
    assert house.attempts(identity) == [(1, 1, "COMPLETED"), (2, 1, "COMPLETED"), (3, 1, "COMPLETED")]
    assert house.executions.counters["fenced_results"] == 0
    assert [name for name, _ in house.script.events] == ["step1", "step2", "step1"]


def test_what_follows_a_move_that_nobody_confirmed_is_notified_of(house: Stage, deaf):
    """The general path claims no next task with the move, so workers must be notified of it."""
    identity = house.start(steps("step1", "step2"))
    waiting = house.rung()
    deaf("advance.after_commit")
    with house.general_path():
        house.work.run(*waiting)
    assert house.statuses(identity) == ["COMPLETED", "QUEUED"]
    assert house.rung() == [house.task(identity, 2).id]
    assert house.executions.counters["fenced_results"] == 0


@pytest.mark.parametrize("point", ["advance.after_commit", "advance.before_commit"])
def test_a_failure_that_was_committed_though_nobody_said_so_is_taken_once(house: Stage, deaf, point: str):
    house.script.let("flaky", raises("E"), returns(1))
    identity = house.start({"steps": [{"taskName": "flaky", "retry": {"maxAttempts": 2, "intervalSeconds": 0}}]})
    waiting = house.rung()
    deaf(point)
    house.work.run(*waiting)
    house.run()
    assert house.status(identity) == "COMPLETED"
    assert house.attempts(identity) == [(1, 1, "FAILED"), (1, 2, "COMPLETED")]


def test_a_start_that_was_committed_though_nobody_said_so_is_a_start(house: Stage, deaf):
    deaf("start.after_commit")
    identity = house.start(steps("step1"))
    house.run()
    assert house.status(identity) == "COMPLETED"


def test_a_start_that_was_not_committed_is_refused(house: Stage, deaf):
    deaf("start.before_commit")
    with pytest.raises(OperationalError):
        house.start(steps("step1"))
    with database.connection_context():
        assert Execution.select().count() == 0


def test_a_handler_that_could_not_even_be_called_costs_its_task_nothing(house: Stage, monkeypatch):
    monkeypatch.setattr("stepwell.runtime.tasks.slot.SICK_SECONDS", 0)
    house.script.let("step1", Outcome(error="Lambda.ServiceException", cause="no process", not_run=True), returns(1))
    identity = house.start(steps("step1", retry={"maxAttempts": 1}))
    house.run()
    assert house.status(identity) == "COMPLETED"
    assert house.attempts(identity) == [(1, 1, "RETURNED"), (1, 2, "COMPLETED")]


def test_an_outcome_that_cannot_be_taken_fails_its_task(house: Stage, monkeypatch):
    def broken(*given: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(house.executions, "succeed", broken)
    identity = house.start(steps("step1"))
    house.run()
    assert (house.status(identity), house.execution(identity).error) == ("FAILED", "States.Runtime")
    assert house.attempts(identity) == [(1, 1, "FAILED")]


def test_a_handler_is_stopped_before_another_may_begin(house: Stage):
    identity = house.start(FIVE)
    began, seen = Event(), []

    def runs(event: object) -> Outcome:
        began.set()
        stopped.wait(30)
        return Outcome(killed=True)

    stopped = Event()

    def kill(key: str) -> bool:
        seen.append(house.task(identity).status)
        stopped.set()
        return True

    house.script.let("step1", runs)
    house.script.kill = kill  # type: ignore[method-assign]
    slot = Thread(target=house.work.run, args=house.rung())
    slot.start()
    assert began.wait(30)
    house.work.hand_back()
    slot.join(30)
    assert seen == ["IN_PROGRESS"] and house.task(identity).status == "QUEUED"


def test_what_happens_next_happens_when_the_handler_has_returned(house: Stage):
    identity = house.start(steps("step1", "step2"))
    claim = house.claim(identity)
    house.executions.succeed(claim, "1", "", lambda following: False, took_ms=5000)
    assert house.execution(identity).entered_at == claim.now + 5000
