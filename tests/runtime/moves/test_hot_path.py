"""The hot path: one statement with the same effect as the general path, or none."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Execution, Timer
from stepwell.db.values import Claimed, Finish, Finished
from stepwell.runtime.ids import task_id
from stepwell.runtime.moves import hot_path
from tests.runtime.maps import children, listed, the_run
from tests.runtime.stage import Json, Stage, machine, parallel, steps, task

THREE = steps("step1", "step2", "step1", data={"x.$": "not a path"})
ASL = machine(first=task("step1", ResultPath="$.first"), between={"Type": "Pass"}, then=task("step2", TimeoutSeconds=7))
TIMES = {"at", "created_at", "started_at", "finished_at", "queued_at", "lease_until", "deadline_at", "entered_at"}
IDENTITY = {"id", "parent", "execution_id", "task_id", "workflow_id", "version_id", "version", "revision", "owner"}


@pytest.fixture
def refused(monkeypatch) -> list[bool]:
    """For each call of the statement: True if it refused the move."""
    refusals: list[bool] = []
    finish = queries.finish

    def counted(move: Finish) -> Finished | None:
        done = finish(move)
        refusals.append(done is None)
        return done

    monkeypatch.setattr(queries, "finish", counted)
    return refusals


def play(stage: Stage, definition: Json, goes_on: bool) -> str:
    """Run an execution, and finish its tasks one by one."""
    identity = stage.start(definition, {"in": [1, "ü"]})
    while stage.status(identity) == "IN_PROGRESS":
        claim = stage.claim(identity)
        while claim is not None:
            claim = stage.succeed(claim, {"by": claim.step}, goes_on=goes_on)
    return identity


def without_times(held: Json, identity: str) -> Json:
    """The rows without times and ids, which differ between any two executions."""
    text = json.dumps({name: [_shorn(row) for row in rows] for name, rows in held.items()}, sort_keys=True)
    return json.loads(text.replace(identity[:-5], "EXECUTION"))


def _shorn(row: Json) -> Json:
    row = {name: value for name, value in row.items() if name not in IDENTITY}
    row = {name: bool(value) if name in TIMES else value for name, value in row.items()}
    return {**row, "details": json.loads(row["details"])} if "details" in row else row


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("definition", [THREE, ASL], ids=["step list", "state machine"])
def test_its_effects_are_those_of_the_general_path(stage: Stage, refused, definition: Json, goes_on: bool):
    hot = play(stage, definition, goes_on)
    assert refused and not any(refused)
    with stage.general_path():
        general = play(stage, definition, False)
    assert stage.status(hot) == stage.status(general) == "COMPLETED"
    hot_rows, general_rows = (without_times(stage.everything(one), one) for one in (hot, general))
    assert hot_rows == general_rows
    assert stage.history(hot) == stage.history(general)


def test_its_rows_are_those_of_the_general_path_while_the_next_task_runs(stage: Stage, refused):
    hot, general = stage.start(THREE), stage.start(THREE)
    stage.succeed(stage.claim(hot), 1, goes_on=True)
    stage.succeed_slowly(stage.claim(general), 1)
    stage.claim(general)
    assert refused == [False]
    assert without_times(stage.everything(hot), hot) == without_times(stage.everything(general), general)


def test_the_claim_that_comes_with_a_move_is_the_one_a_worker_would_have_made(stage: Stage):
    hot, general = stage.start(ASL), stage.start(ASL)
    following = stage.succeed(stage.claim(hot), 1, goes_on=True)
    stage.succeed_slowly(stage.claim(general), 1)
    claimed = stage.claim(general)
    hot_fields, general_fields = ({**vars(one), "root": vars(one.root)} for one in (following, claimed))
    same = {"id", "execution_id", "version_id", "revision", "created_at", "now", "root", "input"}
    assert {k: v for k, v in hot_fields.items() if k not in same} == {
        k: v for k, v in general_fields.items() if k not in same
    }
    assert following.input.replace(hot, "") == claimed.input.replace(general, "")
    assert following.id == task_id(hot, following.number) and following.attempt == 1


def test_the_end_of_a_map_runs_execution_is_told_to_the_run(stage: Stage, refused):
    stage.start(listed(), {"items": [7, 7]})
    stage.fire_timers()
    hot, general = children(stage)
    stage.succeed(stage.claim(hot.id), 1)
    stage.succeed_slowly(stage.claim(general.id), 1)
    assert refused == [False]
    assert without_times(stage.everything(hot.id), hot.id) == without_times(stage.everything(general.id), general.id)
    with database.connection_context():
        woken = list(
            Timer.select(Timer.execution_id, Timer.frame, Timer.number, Timer.kind).order_by(Timer.number).tuples()
        )
    run = the_run(stage)
    assert woken == [(run.execution_id, run.frame, number, "run") for number in (1, 2)]


def test_a_map_run_that_is_over_is_counted_nothing(stage: Stage, refused):
    identity = stage.start(listed(), {"items": [1]})
    stage.fire_timers()
    claim = stage.claim(children(stage)[0].id)
    stage.executions.cancel(identity)
    stage.succeed(claim, 1)
    with database.connection_context():
        assert refused == [False] and Timer.select().count() == 0


def test_a_timer_of_a_map_run_whose_execution_has_ended_is_forgotten(stage: Stage):
    identity = stage.start(listed(), {"items": [1]})
    with database.connection_context():
        timer = list(Timer.select().dicts())
    stage.executions.cancel(identity)
    with database.connection_context():
        Timer.insert_many(timer).execute()
    stage.fire_timers()
    assert stage.left_open(identity) == []


def test_a_task_that_the_worker_does_not_take_is_queued_and_notified_of(stage: Stage, refused):
    for definition in (THREE, ASL):
        identity = stage.start(definition)
        stage.take_queued()
        assert stage.succeed(stage.claim(identity), 1, goes_on=False) is None
        following = stage.task(identity, 2)
        assert (following.status, following.attempt, following.owner, following.started_at) == ("QUEUED", 0, None, None)
        assert stage.take_queued() == [following.id]
        assert stage.claim(identity).attempt == 1
    assert refused == [False, False]


def changed(**columns: object) -> Callable[[Stage, Claimed], object]:
    """Change the execution's row meanwhile."""

    def change(stage: Stage, claim: Claimed) -> None:
        with database.connection_context():
            Execution.update(**columns).where(Execution.id == claim.execution_id).execute()

    return change


def next_is_taken(stage: Stage, claim: Claimed) -> None:
    stage.set(stage.task(claim.execution_id, 2), status="CANCELLED")


def holds_another(stage: Stage, claim: Claimed) -> None:
    """The worker has lost its task, and holds another one of this execution."""
    stage.set(stage.task(claim.execution_id), owner="another")
    stage.set(stage.task(claim.execution_id, 3), status="IN_PROGRESS", attempt=claim.attempt, owner=claim.owner)


GUARDS: dict[str, Callable[[Stage, Claimed], object]] = {
    "a stale attempt": lambda stage, claim: stage.set(stage.task(claim.execution_id), attempt=2),
    "a stale owner": lambda stage, claim: stage.set(stage.task(claim.execution_id), owner="another"),
    "another task": holds_another,
    "a task that ended": lambda stage, claim: stage.set(stage.task(claim.execution_id), status="COMPLETED"),
    "a cancelled execution": lambda stage, claim: stage.executions.cancel(claim.execution_id),
    "a moved revision": changed(revision=Execution.revision + 1),
    "a longer history": changed(history_count=Execution.history_count + 1),
    "a paused execution": changed(paused=True),
    "an ended execution": changed(status="FAILED"),
    "a next task that is not planned any more": next_is_taken,
}


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("why", GUARDS)
def test_a_guard_refuses_and_leaves_no_trace(stage: Stage, why: str, goes_on: bool):
    identity = stage.start(THREE)
    claim = stage.claim(identity)
    finish = plain_finish(stage, claim, goes_on)
    GUARDS[why](stage, claim)
    before = stage.everything(identity)
    with database.connection_context():
        assert queries.finish(finish) is None
    assert stage.everything(identity) == before


def test_a_move_is_made_once(stage: Stage):
    identity = stage.start(THREE)
    finish = plain_finish(stage, stage.claim(identity), True)
    with database.connection_context():
        assert queries.finish(finish).attempt == 1
        before = stage.everything(identity)
        assert queries.finish(finish) is None
    assert stage.everything(identity) == before


def plain_finish(stage: Stage, claim: Claimed, goes_on: bool) -> Finish:
    plan = stage.workflows.machine(claim.version_id)
    move = hot_path.decide(claim, 1, plan, hot_path.Moment(claim.now, 0), stage.executions.limits)
    return hot_path.finish(move, "1", "", lambda following: goes_on, stage.executions.lease_ms)


WAIT = {"Type": "Wait", "Seconds": 1}


@pytest.mark.parametrize(
    "definition",
    [
        machine(a=task("step1"), w=WAIT, b=task("step2")),
        machine(a=task("step1"), both=parallel(machine(b=task("step2")), machine(c=task("step2")))),
        {**machine(a=task("step1")), "TimeoutSeconds": 60},
        machine(a=task("step1"), f={"Type": "Fail", "Error": "No"}),
        machine(a=task("step1", ResultPath="$.a.b.c"), b=task("step2", Parameters={"x.$": "$.missing"})),
    ],
    ids=["a wait", "branches", "a timer to be removed", "a failure", "a failing template"],
)
def test_what_is_not_plain_takes_the_general_path(stage: Stage, refused, definition: Json):
    identity = stage.start(definition)
    stage.succeed(stage.claim(identity), {"a": 1}, goes_on=True)
    assert refused == []
    stage.run()
    assert stage.status(identity) != "IN_PROGRESS" and stage.left_open(identity) == []
    assert stage.history(identity)


def test_a_result_that_is_too_large_is_an_error(stage: Stage, refused):
    identity = stage.start(steps("step1"))
    stage.succeed(stage.claim(identity), "x" * stage.executions.limits.payload)
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "States.DataLimitExceeded")
    assert stage.task(identity).status == "FAILED"
