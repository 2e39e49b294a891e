"""Claims and leases of tasks; a worker that is no longer the owner changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Execution, Worker
from stepwell.db.values import Claimed
from stepwell.runtime.ids import new_execution_id, new_id, task_id
from stepwell.runtime.moves.guards import Guard
from stepwell.runtime.tasks.claims import MISSING_FOR_MS
from tests.runtime.stage import LONG_AGO, SECOND, Json, Stage, at_once, machine, parallel, returns, steps, task

TWO = steps("step1", "step2")
RETRY = {"maxAttempts": 2, "intervalSeconds": 5}
NOBODYS = pytest.param(task_id(new_execution_id(), 1), id="nobody's")


# Claims


def test_a_claim_is_one_commit_of_attempt_lease_deadline_and_history(house: Stage):
    identity = house.start(TWO, {"a": 1})
    waiting = house.task(identity)
    claim = house.tasks.claim(waiting.id)
    held = house.task(identity)
    assert (held.status, held.attempt, held.owner) == ("IN_PROGRESS", 1, house.tasks.owner)
    assert held.lease_until - held.started_at == house.tasks.lease_ms
    assert held.deadline_at - held.started_at == 30 * SECOND
    assert house.history(identity)[-1] == "TaskStarted"
    assert (claim.id, claim.attempt, claim.input, claim.history_count) == (held.id, 1, waiting.input, 4)
    assert (claim.execution_input, claim.root.state, claim.timeout_seconds) == ('{"a":1}', "step1", 30)
    assert house.execution(identity).revision == 0


def test_a_claim_of_many_threads_has_one_winner(house: Stage):
    for _ in range(5):
        identity = house.start(TWO)
        claim = partial(house.another_worker().claims.claim, house.task(identity).id)
        winners = [one for one in at_once(*[claim] * 8) if one is not None]
        assert len(winners) == 1 and house.task(identity).attempt == 1
        assert house.history(identity).count("TaskStarted") == 1


@pytest.mark.parametrize("why", ["paused", "cancelled", "claimed", "planned", "finished"])
def test_what_is_not_queued_in_a_running_execution_cannot_be_claimed(house: Stage, why: str):
    identity = house.start(TWO)
    wanted = house.task(identity, 2 if why == "planned" else 1).id
    match why:
        case "paused":
            house.executions.pause(identity)
        case "cancelled":
            house.executions.cancel(identity)
        case "claimed":
            house.claim(identity)
        case "finished":
            house.succeed(house.claim(identity))
    before = house.everything(identity)
    assert house.another_worker().claims.claim(wanted) is None
    assert house.everything(identity) == before


@pytest.mark.parametrize("forged", ["", "x", "1", "' OR 1=1 --", NOBODYS, "A" * 36, "\x00"])
def test_a_forged_id_claims_nothing(house: Stage, forged: str):
    identity = house.start(TWO)
    before = house.everything(identity)
    assert house.tasks.claim(forged) is None
    assert house.everything(identity) == before


def test_an_id_spelt_otherwise_claims_nothing(house: Stage):
    identity = house.start(TWO)
    assert house.tasks.claim(house.task(identity).id.upper()) is None
    assert house.tasks.claim(f"{{{house.task(identity).id}}}") is None


# A worker that is no longer the owner


def overtaken(house: Stage, identity: str) -> None:
    """The lease ran out, and another worker has the task."""
    house.set(house.task(identity), lease_until=LONG_AGO)
    house.another_worker().claims.sweep()
    house.claim(identity, house.another_worker())


def overtaken_by_itself(house: Stage, identity: str) -> None:
    """The lease ran out, and this very worker has claimed the task anew."""
    house.set(house.task(identity), lease_until=LONG_AGO)
    house.tasks.sweep()
    house.claim(identity)


def finished_by_another(house: Stage, identity: str) -> None:
    house.set(house.task(identity), lease_until=LONG_AGO)
    other = house.another_worker()
    other.claims.sweep()
    house.succeed(house.claim(identity, other))


STALE = {
    "another attempt": overtaken,
    "another attempt of its own": overtaken_by_itself,
    "another owner": lambda house, identity: house.set(house.task(identity), owner="another"),
    "a cancelled execution": lambda house, identity: house.executions.cancel(identity),
    "a finished task": finished_by_another,
    "given back": lambda house, identity: house.set(house.task(identity), status="QUEUED", owner=None),
    "another status": lambda house, identity: house.set(house.task(identity), status="QUEUED"),
}

DO = {
    "succeed": lambda house, claim: house.succeed(claim, 1, goes_on=True),
    "succeed by the general path": lambda house, claim: house.succeed_slowly(claim, 1),
    "fail": lambda house, claim: house.executions.fail(claim, "Late", None, ""),
}

TRY = {
    "heartbeat": lambda house, claim: house.tasks.heartbeat([claim]) == set(),
    "give back": lambda house, claim: not house.tasks.give_back(claim),
    "time out": lambda house, claim: (
        not house.executions.fail_unclaimed(
            Guard(claim.id, claim.attempt, claim.owner), claim.execution_id, "States.Timeout", ""
        )
    ),
}


def stale_claim(house: Stage, why: str) -> tuple[Claimed, Callable[[], Json]]:
    """A claim that no longer holds, and all rows, which it must not change.

    Beside it the same worker holds a task of another execution, in the same attempt: but for its id, all fits that one.
    """
    identity, beside = house.start(TWO), house.start(TWO, workflow="beside")
    claim, other = house.claim(identity), house.claim(beside)
    assert (claim.attempt, claim.owner) == (other.attempt, other.owner)
    STALE[why](house, identity)
    return claim, lambda: (house.everything(identity), house.everything(beside))


@pytest.mark.parametrize("act", DO)
@pytest.mark.parametrize("why", STALE)
def test_a_stale_worker_may_not(house: Stage, why: str, act: str):
    claim, rows = stale_claim(house, why)
    before = rows()
    DO[act](house, claim)
    assert rows() == before
    assert house.executions.counters["fenced_results"] == 1


@pytest.mark.parametrize("act", TRY)
@pytest.mark.parametrize("why", STALE)
def test_a_stale_worker_is_told_no(house: Stage, why: str, act: str):
    claim, rows = stale_claim(house, why)
    before = rows()
    assert TRY[act](house, claim)
    assert rows() == before


# Given back, lost, overdue


def test_a_task_given_back_is_anybodys(house: Stage):
    identity = house.start(TWO)
    claim = house.claim(identity)
    house.rung()
    assert house.tasks.give_back(claim, "so far")
    back = house.task(identity)
    assert (back.status, back.attempt, back.losses, back.retries) == ("QUEUED", 1, 0, 0)
    assert (back.owner, back.lease_until, back.deadline_at) == (None, None, None)
    assert house.attempts(identity) == [(1, 1, "RETURNED")] and house.rung() == [claim.id]
    house.run()
    house.work.run(claim.id)
    assert house.status(identity) == "COMPLETED"
    assert house.attempts(identity)[:2] == [(1, 1, "RETURNED"), (1, 2, "COMPLETED")]


def lose(house: Stage, identity: str) -> None:
    """A worker claims the task, and is lost."""
    house.claim(identity, house.another_worker())
    house.set(house.task(identity), lease_until=LONG_AGO)
    house.tasks.sweep()


def test_a_lost_task_is_queued_again(house: Stage):
    identity = house.start(TWO)
    house.rung()
    lose(house, identity)
    lost = house.task(identity)
    assert (lost.status, lost.losses, lost.retries, lost.owner, lost.attempt) == ("QUEUED", 1, 0, None, 1)
    assert house.attempts(identity) == [(1, 1, "LOST")] and house.rung() == [lost.id]
    lose(house, identity)
    assert house.task(identity).losses == 2 and house.rung() == [lost.id]
    house.work.run(lost.id)
    assert house.status(identity) == "COMPLETED"


def test_a_lease_that_has_not_run_out_is_not_lost(house: Stage):
    identity = house.start(TWO)
    house.claim(identity)
    before = house.everything(identity)
    house.another_worker().claims.sweep()
    assert house.everything(identity) == before


def test_a_lease_that_is_renewed_while_the_sweep_looks_is_not_lost(house: Stage, monkeypatch):
    identity = house.start(TWO)
    claim = house.claim(identity)
    before = house.everything(identity)
    monkeypatch.setattr(queries, "lost_tasks", lambda: [(claim.id, identity, claim.attempt, claim.owner)])
    house.tasks.sweep()
    assert house.everything(identity) == before


@pytest.mark.parametrize("how", ["given back", "lost"])
def test_a_task_of_a_paused_execution_waits_unseen_until_it_is_resumed(house: Stage, how: str):
    identity = house.start(TWO)
    claim = house.claim(identity)
    house.executions.pause(identity)
    house.rung()
    if how == "lost":
        house.set(house.task(identity), lease_until=LONG_AGO)
        house.tasks.sweep()
    else:
        house.tasks.give_back(claim)
    assert (house.task(identity).status, house.task(identity).queued_at) == ("QUEUED", None)
    house.rung()
    house.executions.resume(identity)
    house.run()
    assert house.status(identity) == "COMPLETED"


def test_the_third_loss_fails_the_task(house: Stage):
    identity = house.start(TWO)
    for _ in range(3):
        lose(house, identity)
    row = house.execution(identity)
    assert (row.status, row.error) == ("FAILED", "States.TaskFailed") and row.cause.startswith("WorkerLost")
    assert (house.task(identity).status, house.task(identity).losses) == ("FAILED", 3)
    assert house.attempts(identity) == [(1, n, "LOST") for n in (1, 2, 3)]


def test_the_third_loss_is_an_error_that_retry_takes(house: Stage):
    identity = house.start(steps("step1", retry=RETRY))
    for _ in range(3):
        lose(house, identity)
    held = house.task(identity)
    assert (held.status, held.retries, held.error) == ("PENDING", 1, "States.TaskFailed")
    house.run()
    assert house.status(identity) == "COMPLETED"


def test_a_retry_may_be_lost_as_often_once_more(house: Stage):
    identity = house.start(steps("step1", retry=RETRY))
    for losses in (1, 2, 3, 4, 5):
        lose(house, identity)
        house.fire_timers()
        assert (house.task(identity).losses, house.task(identity).retries) == (losses, int(losses > 2))
    house.work.run(house.task(identity).id)
    assert house.status(identity) == "COMPLETED"


def test_what_was_lost_often_is_claimed_only_where_it_is_wanted(house: Stage):
    identity = house.start(TWO)
    lose(house, identity)
    lost = house.task(identity)
    assert house.tasks.claim(lost.id, often_lost=False)
    house.set(lost, lease_until=LONG_AGO)
    house.tasks.sweep()
    before = house.everything(identity)
    assert house.tasks.claim(lost.id, often_lost=False) is None and house.everything(identity) == before
    claim = house.tasks.claim(lost.id)
    assert claim is not None and claim.losses == 2


def test_a_loss_is_seen_once_by_many_sweeps(house: Stage):
    identity = house.start(TWO)
    house.claim(identity)
    house.set(house.task(identity), lease_until=LONG_AGO)
    at_once(*[house.another_worker().claims.sweep for _ in range(4)])
    assert house.task(identity).losses == 1 and house.attempts(identity) == [(1, 1, "LOST")]


def test_an_overdue_task_times_out(house: Stage):
    identity = house.start(TWO)
    claim = house.claim(identity)
    house.tasks.sweep()
    assert house.task(identity).status == "IN_PROGRESS"
    house.set(house.task(identity), deadline_at=LONG_AGO)
    house.tasks.sweep()
    assert (house.status(identity), house.execution(identity).error) == ("FAILED", "States.Timeout")
    assert house.attempts(identity) == [(1, 1, "TIMED_OUT")]
    assert "TaskTimedOut" in house.history(identity)
    assert house.tasks.heartbeat([claim]) == set()


# A function that this worker does not have


@pytest.mark.parametrize("claimed_before", [False, True])
def test_a_task_whose_function_nobody_has_waits_and_then_fails(house: Stage, claimed_before: bool):
    identity = house.start(TWO)
    if claimed_before:
        house.tasks.give_back(house.claim(identity))
    house.tasks.functions.remove("step1")
    waiting = house.task(identity)
    assert house.tasks.claim(waiting.id) is None
    noted = house.task(identity)
    assert noted.missing_since >= waiting.queued_at and noted.queued_at > noted.missing_since
    assert (noted.status, noted.losses, noted.attempt) == ("QUEUED", 0, waiting.attempt)
    house.set(noted, missing_since=noted.missing_since - MISSING_FOR_MS - SECOND)
    assert house.tasks.claim(waiting.id) is None
    row = house.execution(identity)
    assert (row.status, row.error) == ("FAILED", "States.TaskFailed") and "'step1'" in row.cause
    assert house.attempts(identity) == ([(1, 1, "RETURNED")] if claimed_before else [])


def test_a_worker_that_has_the_function_takes_what_another_lacked(house: Stage):
    identity = house.start(TWO)
    lacking = house.another_worker().claims
    lacking.functions.remove("step1")
    lacking.claim(house.task(identity).id)
    assert house.claim(identity) and house.task(identity).missing_since is None


def test_a_function_that_another_worker_has_is_not_missing_however_long_it_takes(house: Stage):
    identity = house.start(TWO)
    waiting = house.task(identity)
    house.another_worker().claims.present()
    house.tasks.functions.remove("step1")
    house.set(waiting, missing_since=LONG_AGO)
    assert house.tasks.claim(waiting.id) is None
    assert house.task(identity).missing_since is None and house.status(identity) == "IN_PROGRESS"


def test_a_worker_that_has_left_or_died_has_nothing(house: Stage):
    identity = house.start(TWO)
    waiting = house.task(identity)
    gone, dead = house.another_worker().claims, house.another_worker().claims
    gone.present()
    gone.leave()
    dead.present()
    with database.connection_context():
        Worker.update(seen_at=LONG_AGO).where(Worker.owner == dead.owner).execute()
    house.tasks.functions.remove("step1")
    house.set(waiting, missing_since=LONG_AGO)
    assert house.tasks.claim(waiting.id) is None
    assert house.status(identity) == "FAILED"


def test_a_paused_task_is_not_missed(house: Stage):
    identity = house.start(TWO)
    house.executions.pause(identity)
    house.tasks.functions.remove("step1")
    assert house.tasks.claim(house.task(identity).id) is None
    assert (house.task(identity).queued_at, house.task(identity).missing_since) == (None, None)


# Nobody has claimed it


def test_behind_an_empty_queue_what_waits_too_long_is_found(house: Stage):
    waiting, fresh = house.start(TWO), house.start(TWO)
    assert house.tasks.unclaimed("") == []
    house.set(house.task(waiting), queued_at=LONG_AGO)
    assert house.tasks.unclaimed("") == [house.task(waiting).id]
    assert house.status(fresh) == "IN_PROGRESS"


def test_what_has_waited_longer_than_the_head_of_the_queue_is_forgotten(house: Stage):
    oldest, old, head, younger = (house.task(house.start(TWO)) for _ in range(4))
    for one, waited in ((oldest, 9_000), (old, 5_000), (head, 0), (younger, -1_000)):
        house.set(one, queued_at=LONG_AGO - waited)
    assert house.tasks.unclaimed(head.id) == [oldest.id, old.id]
    house.set(old, queued_at=LONG_AGO - 4_999)
    assert house.tasks.unclaimed(head.id) == [oldest.id]
    assert house.tasks.unclaimed(oldest.id) == house.tasks.unclaimed(new_id()) == house.tasks.unclaimed(None) == []


def test_branches_are_claimed_side_by_side(house: Stage):
    both = parallel(machine(a=task("step1")), machine(b=task("step2")))
    identity = house.start(machine(both=both))
    house.script.let("step1", returns(1))
    first, second = house.claim_all(identity)
    assert first.frame != second.frame and second.history_count == first.history_count + 1
    with database.connection_context():
        assert Execution.get_by_id(identity).history_count == second.history_count
