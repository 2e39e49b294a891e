"""Claims and leases of tasks; a worker that is no longer the owner changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain

import pytest

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Execution, Worker
from stepwell.db.values import Claimed
from stepwell.runtime.ids import new_execution_id, new_id, task_id
from stepwell.runtime.moves.guards import Guard
from stepwell.runtime.tasks import claims
from stepwell.runtime.tasks.claims import MISSING_FOR_MS
from tests.runtime.stage import LONG_AGO, SECOND, Json, Stage, at_once, machine, parallel, returns, steps, task

TWO = steps("step1", "step2")
RETRY = {"maxAttempts": 2, "intervalSeconds": 5}
NOBODYS = pytest.param(task_id(new_execution_id(), 1), id="nobody's")


# Claims


def test_a_claim_is_one_commit_of_attempt_lease_deadline_and_history(stage: Stage):
    identity = stage.start(TWO, {"a": 1})
    waiting = stage.task(identity)
    claim = stage.tasks.claim(waiting.id)
    held = stage.task(identity)
    assert (held.status, held.attempt, held.owner) == ("IN_PROGRESS", 1, stage.tasks.owner)
    assert held.lease_until - held.started_at == stage.tasks.lease_ms
    assert held.deadline_at - held.started_at == 30 * SECOND
    assert stage.history(identity)[-1] == "TaskStarted"
    assert (claim.id, claim.attempt, claim.input, claim.history_count) == (held.id, 1, waiting.input, 4)
    assert (claim.execution_input, claim.root.state, claim.timeout_seconds) == ('{"a":1}', "step1", 30)
    assert stage.execution(identity).revision == 0


def test_a_claim_of_many_threads_has_one_winner(stage: Stage):
    for _ in range(5):
        identity = stage.start(TWO)
        claim = partial(stage.another_worker().claims.claim, stage.task(identity).id)
        winners = [one for one in at_once(*[claim] * 8) if one is not None]
        assert len(winners) == 1 and stage.task(identity).attempt == 1
        assert stage.history(identity).count("TaskStarted") == 1


@pytest.mark.parametrize("why", ["paused", "cancelled", "claimed", "planned", "finished"])
def test_what_is_not_queued_in_a_running_execution_cannot_be_claimed(stage: Stage, why: str):
    identity = stage.start(TWO)
    wanted = stage.task(identity, 2 if why == "planned" else 1).id
    match why:
        case "paused":
            stage.executions.pause(identity)
        case "cancelled":
            stage.executions.cancel(identity)
        case "claimed":
            stage.claim(identity)
        case "finished":
            stage.succeed(stage.claim(identity))
    before = stage.everything(identity)
    assert stage.another_worker().claims.claim(wanted) is None
    assert stage.everything(identity) == before


@pytest.mark.parametrize("forged", ["", "x", "1", "' OR 1=1 --", NOBODYS, "A" * 36, "\x00"])
def test_a_forged_id_claims_nothing(stage: Stage, forged: str):
    identity = stage.start(TWO)
    before = stage.everything(identity)
    assert stage.tasks.claim(forged) is None
    assert stage.everything(identity) == before


def test_an_id_spelt_otherwise_claims_nothing(stage: Stage):
    identity = stage.start(TWO)
    assert stage.tasks.claim(stage.task(identity).id.upper()) is None
    assert stage.tasks.claim(f"{{{stage.task(identity).id}}}") is None


# A worker that is no longer the owner


def overtaken(stage: Stage, identity: str) -> None:
    """Let the lease run out, and another worker claim the task."""
    stage.set(stage.task(identity), lease_until=LONG_AGO)
    stage.another_worker().claims.sweep()
    stage.claim(identity, stage.another_worker())


def overtaken_by_itself(stage: Stage, identity: str) -> None:
    """Let the lease run out, and the same worker claim the task again."""
    stage.set(stage.task(identity), lease_until=LONG_AGO)
    stage.tasks.sweep()
    stage.claim(identity)


def finished_by_another(stage: Stage, identity: str) -> None:
    stage.set(stage.task(identity), lease_until=LONG_AGO)
    other = stage.another_worker()
    other.claims.sweep()
    stage.succeed(stage.claim(identity, other))


STALE = {
    "another attempt": overtaken,
    "another attempt of its own": overtaken_by_itself,
    "another owner": lambda stage, identity: stage.set(stage.task(identity), owner="another"),
    "a cancelled execution": lambda stage, identity: stage.executions.cancel(identity),
    "a finished task": finished_by_another,
    "given back": lambda stage, identity: stage.set(stage.task(identity), status="QUEUED", owner=None),
    "another status": lambda stage, identity: stage.set(stage.task(identity), status="QUEUED"),
}

DO = {
    "succeed": lambda stage, claim: stage.succeed(claim, 1, goes_on=True),
    "succeed by the general path": lambda stage, claim: stage.succeed_slowly(claim, 1),
    "fail": lambda stage, claim: stage.executions.fail(claim, "Late", None, ""),
}

TRY = {
    "heartbeat": lambda stage, claim: stage.tasks.heartbeat([claim]) == set(),
    "give back": lambda stage, claim: not stage.tasks.give_back(claim),
    "time out": lambda stage, claim: (
        not stage.executions.fail_unclaimed(
            Guard(claim.id, claim.attempt, claim.owner), claim.execution_id, "States.Timeout", ""
        )
    ),
}


def stale_claim(stage: Stage, why: str) -> tuple[Claimed, Callable[[], Json]]:
    """A stale claim, and a function that reads all rows: the claim must not change them.

    The same worker also holds a task of another execution, in the same attempt. Only the id tells the two apart.
    """
    identity, beside = stage.start(TWO), stage.start(TWO, workflow="beside")
    claim, other = stage.claim(identity), stage.claim(beside)
    assert (claim.attempt, claim.owner) == (other.attempt, other.owner)
    STALE[why](stage, identity)
    return claim, lambda: (stage.everything(identity), stage.everything(beside))


@pytest.mark.parametrize("act", DO)
@pytest.mark.parametrize("why", STALE)
def test_a_stale_worker_may_not(stage: Stage, why: str, act: str):
    claim, rows = stale_claim(stage, why)
    before = rows()
    DO[act](stage, claim)
    assert rows() == before
    assert stage.executions.counters["fenced_results"] == 1


@pytest.mark.parametrize("act", TRY)
@pytest.mark.parametrize("why", STALE)
def test_a_stale_worker_is_told_no(stage: Stage, why: str, act: str):
    claim, rows = stale_claim(stage, why)
    before = rows()
    assert TRY[act](stage, claim)
    assert rows() == before


# Given back, lost, overdue


def test_a_task_given_back_is_anybodys(stage: Stage):
    identity = stage.start(TWO)
    claim = stage.claim(identity)
    stage.take_queued()
    assert stage.tasks.give_back(claim, "so far")
    back = stage.task(identity)
    assert (back.status, back.attempt, back.losses, back.retries) == ("QUEUED", 1, 0, 0)
    assert (back.owner, back.lease_until, back.deadline_at) == (None, None, None)
    assert stage.attempts(identity) == [(1, 1, "RETURNED")] and stage.take_queued() == [claim.id]
    stage.run()
    stage.work.run(claim.id)
    assert stage.status(identity) == "COMPLETED"
    assert stage.attempts(identity)[:2] == [(1, 1, "RETURNED"), (1, 2, "COMPLETED")]


def lose(stage: Stage, identity: str) -> None:
    """Let a worker claim the task and be lost."""
    stage.claim(identity, stage.another_worker())
    stage.set(stage.task(identity), lease_until=LONG_AGO)
    stage.tasks.sweep()


def test_a_lost_task_is_queued_again(stage: Stage):
    identity = stage.start(TWO)
    stage.take_queued()
    lose(stage, identity)
    lost = stage.task(identity)
    assert (lost.status, lost.losses, lost.retries, lost.owner, lost.attempt) == ("QUEUED", 1, 0, None, 1)
    assert stage.attempts(identity) == [(1, 1, "LOST")] and stage.take_queued() == [lost.id]
    lose(stage, identity)
    assert stage.task(identity).losses == 2 and stage.take_queued() == [lost.id]
    stage.work.run(lost.id)
    assert stage.status(identity) == "COMPLETED"


def test_a_lease_that_has_not_run_out_is_not_lost(stage: Stage):
    identity = stage.start(TWO)
    stage.claim(identity)
    before = stage.everything(identity)
    stage.another_worker().claims.sweep()
    assert stage.everything(identity) == before


def test_a_lease_that_is_renewed_while_the_sweep_looks_is_not_lost(stage: Stage, monkeypatch):
    identity = stage.start(TWO)
    claim = stage.claim(identity)
    before = stage.everything(identity)
    monkeypatch.setattr(queries, "lost_tasks", lambda: [(claim.id, identity, claim.attempt, claim.owner)])
    stage.tasks.sweep()
    assert stage.everything(identity) == before


@pytest.mark.parametrize("how", ["given back", "lost"])
def test_a_task_of_a_paused_execution_waits_unseen_until_it_is_resumed(stage: Stage, how: str):
    identity = stage.start(TWO)
    claim = stage.claim(identity)
    stage.executions.pause(identity)
    stage.take_queued()
    if how == "lost":
        stage.set(stage.task(identity), lease_until=LONG_AGO)
        stage.tasks.sweep()
    else:
        stage.tasks.give_back(claim)
    assert (stage.task(identity).status, stage.task(identity).queued_at) == ("QUEUED", None)
    stage.take_queued()
    stage.executions.resume(identity)
    stage.run()
    assert stage.status(identity) == "COMPLETED"


def test_the_third_loss_fails_the_task(stage: Stage):
    identity = stage.start(TWO)
    for _ in range(3):
        lose(stage, identity)
    row = stage.execution(identity)
    assert (row.status, row.error) == ("FAILED", "States.TaskFailed") and row.cause.startswith("WorkerLost")
    assert (stage.task(identity).status, stage.task(identity).losses) == ("FAILED", 3)
    assert stage.attempts(identity) == [(1, n, "LOST") for n in (1, 2, 3)]


def test_the_third_loss_is_an_error_that_retry_takes(stage: Stage):
    identity = stage.start(steps("step1", retry=RETRY))
    for _ in range(3):
        lose(stage, identity)
    held = stage.task(identity)
    assert (held.status, held.retries, held.error) == ("PENDING", 1, "States.TaskFailed")
    stage.run()
    assert stage.status(identity) == "COMPLETED"


def test_a_retry_may_be_lost_as_often_once_more(stage: Stage):
    identity = stage.start(steps("step1", retry=RETRY))
    for losses in (1, 2, 3, 4, 5):
        lose(stage, identity)
        stage.fire_timers()
        assert (stage.task(identity).losses, stage.task(identity).retries) == (losses, int(losses > 2))
    stage.work.run(stage.task(identity).id)
    assert stage.status(identity) == "COMPLETED"


def test_what_was_lost_often_is_claimed_only_where_it_is_wanted(stage: Stage):
    identity = stage.start(TWO)
    lose(stage, identity)
    lost = stage.task(identity)
    assert stage.tasks.claim(lost.id, often_lost=False)
    stage.set(lost, lease_until=LONG_AGO)
    stage.tasks.sweep()
    before = stage.everything(identity)
    assert stage.tasks.claim(lost.id, often_lost=False) is None and stage.everything(identity) == before
    claim = stage.tasks.claim(lost.id)
    assert claim is not None and claim.losses == 2


def test_a_loss_is_seen_once_by_many_sweeps(stage: Stage):
    identity = stage.start(TWO)
    stage.claim(identity)
    stage.set(stage.task(identity), lease_until=LONG_AGO)
    at_once(*[stage.another_worker().claims.sweep for _ in range(4)])
    assert stage.task(identity).losses == 1 and stage.attempts(identity) == [(1, 1, "LOST")]


def test_an_overdue_task_times_out(stage: Stage):
    identity = stage.start(TWO)
    claim = stage.claim(identity)
    stage.tasks.sweep()
    assert stage.task(identity).status == "IN_PROGRESS"
    stage.set(stage.task(identity), deadline_at=LONG_AGO)
    stage.tasks.sweep()
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "States.Timeout")
    assert stage.attempts(identity) == [(1, 1, "TIMED_OUT")]
    assert "TaskTimedOut" in stage.history(identity)
    assert stage.tasks.heartbeat([claim]) == set()


# A function missing in this worker


@pytest.mark.parametrize("claimed_before", [False, True])
def test_a_task_whose_function_nobody_has_waits_and_then_fails(stage: Stage, claimed_before: bool):
    identity = stage.start(TWO)
    if claimed_before:
        stage.tasks.give_back(stage.claim(identity))
    stage.tasks.functions.remove("step1")
    waiting = stage.task(identity)
    assert stage.tasks.claim(waiting.id) is None
    noted = stage.task(identity)
    assert noted.missing_since >= waiting.queued_at and noted.queued_at > noted.missing_since
    assert (noted.status, noted.losses, noted.attempt) == ("QUEUED", 0, waiting.attempt)
    stage.set(noted, missing_since=noted.missing_since - MISSING_FOR_MS - SECOND)
    assert stage.tasks.claim(waiting.id) is None
    row = stage.execution(identity)
    assert (row.status, row.error) == ("FAILED", "States.TaskFailed") and "'step1'" in row.cause
    assert stage.attempts(identity) == ([(1, 1, "RETURNED")] if claimed_before else [])


def test_a_worker_that_has_the_function_takes_what_another_lacked(stage: Stage):
    identity = stage.start(TWO)
    lacking = stage.another_worker().claims
    lacking.functions.remove("step1")
    lacking.claim(stage.task(identity).id)
    assert stage.claim(identity) and stage.task(identity).missing_since is None


def test_a_function_that_another_worker_has_is_not_missing_however_long_it_takes(stage: Stage):
    identity = stage.start(TWO)
    waiting = stage.task(identity)
    stage.another_worker().claims.present()
    stage.tasks.functions.remove("step1")
    stage.set(waiting, missing_since=LONG_AGO)
    assert stage.tasks.claim(waiting.id) is None
    assert stage.task(identity).missing_since is None and stage.status(identity) == "IN_PROGRESS"


def test_a_worker_that_has_left_or_died_has_nothing(stage: Stage):
    identity = stage.start(TWO)
    waiting = stage.task(identity)
    gone, dead = stage.another_worker().claims, stage.another_worker().claims
    gone.present()
    gone.leave()
    dead.present()
    with database.connection_context():
        Worker.update(seen_at=LONG_AGO).where(Worker.owner == dead.owner).execute()
    stage.tasks.functions.remove("step1")
    stage.set(waiting, missing_since=LONG_AGO)
    assert stage.tasks.claim(waiting.id) is None
    assert stage.status(identity) == "FAILED"


def test_a_paused_task_is_not_missed(stage: Stage):
    identity = stage.start(TWO)
    stage.executions.pause(identity)
    stage.tasks.functions.remove("step1")
    assert stage.tasks.claim(stage.task(identity).id) is None
    assert (stage.task(identity).queued_at, stage.task(identity).missing_since) == (None, None)


# Unclaimed tasks


def test_behind_an_empty_queue_what_waits_too_long_is_found(stage: Stage):
    waiting, fresh = stage.start(TWO), stage.start(TWO)
    assert unclaimed(stage, {}) == []
    stage.set(stage.task(waiting), queued_at=LONG_AGO)
    assert unclaimed(stage, {}) == [stage.task(waiting).id]
    assert stage.status(fresh) == "IN_PROGRESS"


def test_what_has_waited_longer_than_the_head_of_the_queue_is_forgotten(stage: Stage):
    oldest, old, head, younger = (stage.task(stage.start(TWO)) for _ in range(4))
    for one, waited in ((oldest, 9_000), (old, 5_000), (head, 0), (younger, -1_000)):
        stage.set(one, queued_at=LONG_AGO - waited)
    workflow = head.workflow_id
    assert unclaimed(stage, {workflow: head.id}) == [oldest.id, old.id]
    stage.set(old, queued_at=LONG_AGO - 4_999)
    assert unclaimed(stage, {workflow: head.id}) == [oldest.id]
    for heads in ({workflow: oldest.id}, {workflow: new_id()}, {workflow: ""}, None):
        assert unclaimed(stage, heads) == []


def test_the_head_of_one_workflow_tells_nothing_of_another(stage: Stage):
    here, there = stage.task(stage.start(TWO)), stage.task(stage.start(TWO, workflow="other"))
    for one in (here, there):
        stage.set(one, queued_at=LONG_AGO)
    assert unclaimed(stage, {here.workflow_id: here.id}) == [there.id]
    assert unclaimed(stage, {there.workflow_id: there.id}) == [here.id]


def test_a_sweep_looks_at_some_workflows_and_the_next_one_at_the_others(stage: Stage, monkeypatch):
    monkeypatch.setattr(claims, "WORKFLOWS_AT_ONCE", 2)
    started = [stage.task(stage.start(TWO, workflow=f"w{number}")) for number in range(5)]
    for one in started:
        stage.set(one, queued_at=LONG_AGO)
    found = [unclaimed(stage, {}) for _ in range(3)]
    assert [len(page) for page in found] == [2, 2, 1]
    assert sorted(chain.from_iterable(found)) == sorted(one.id for one in started)


def unclaimed(stage: Stage, heads: Mapping[str, str] | None) -> list[str]:
    return [one.id for one in stage.tasks.unclaimed(heads)]


def test_branches_are_claimed_side_by_side(stage: Stage):
    both = parallel(machine(a=task("step1")), machine(b=task("step2")))
    identity = stage.start(machine(both=both))
    stage.script.let("step1", returns(1))
    first, second = stage.claim_all(identity)
    assert first.frame != second.frame and second.history_count == first.history_count + 1
    with database.connection_context():
        assert Execution.get_by_id(identity).history_count == second.history_count
