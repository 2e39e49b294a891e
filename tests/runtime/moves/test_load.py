"""Branches are loaded, joined and ended correctly: the database's part, which tests of the pure core cannot show."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from stepwell.db.database import database, locked, transaction
from stepwell.db.models import Execution, Frame, History
from stepwell.runtime.engine.core.execution import parent_of
from stepwell.runtime.moves import load
from stepwell.runtime.moves.start import Wanted
from tests.runtime.stage import Json, Stage, at_once, machine, parallel, raises, staged, task

ROUNDS = 200


def branch(name: str, function: str = "step1", **fields: Json) -> Json:
    return machine(**{name: task(function, **fields)})


def both(*names: str, **fields: Json) -> Json:
    return parallel(*(branch(name) for name in names), **fields)


# Joins


def test_two_last_branches_at_once_join_once(stage: Stage):
    stage.workflows.create("play", machine(both=both("a", "b")))
    latest = stage.workflows.latest("play")
    for _ in range(ROUNDS):
        identity = stage.executions.start(latest, Wanted({})).id
        first, second = stage.claim_all(identity)
        at_once(partial(stage.succeed, first, 1), partial(stage.succeed, second, 2))
        assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", [1, 2])
        assert stage.history(identity).count("ParallelStateSucceeded") == 1
    assert stage.left_open(identity) == [] and not stage.executions.counters


def test_a_last_branch_and_a_failing_one_at_once_end_it_once(stage: Stage):
    definition = machine(both=both("a", "b"))
    for _ in range(20):
        identity = stage.start(definition)
        first, second = stage.claim_all(identity)
        fail = partial(stage.executions.fail, second, "No", None, "")
        at_once(partial(stage.succeed, first, 1), fail)
        assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "No")
        assert stage.left_open(identity) == [] and stage.history(identity)


def test_what_two_branches_give_goes_on_together(stage: Stage):
    identity = stage.start(machine(both=both("a", "b", "c", ResultPath="$.all"), then=task("step2")), {"in": 1})
    stage.run()
    assert stage.status(identity) == "COMPLETED"
    assert stage.script.events[-1] == ("step2", {"in": 1, "all": ["step1"] * 3})
    assert stage.left_open(identity) == []


def test_a_group_in_a_step_list_keeps_its_planned_rows(stage: Stage):
    group = {"parallel": [{"taskName": "step1"}, {"taskName": "step2"}]}
    identity = stage.start(
        {"steps": [{"taskName": "step1", "name": "first"}, group, {"taskName": "step2", "name": "z"}]}
    )
    assert stage.statuses(identity) == ["QUEUED", "PENDING", "PENDING", "PENDING"]
    stage.run()
    assert stage.statuses(identity) == ["COMPLETED"] * 4
    assert [row.step for row in stage.rows(identity)] == ["first", "step1", "step2", "z"]


# Failing branches


def test_a_failing_branch_cancels_its_siblings(stage: Stage):
    wait = machine(w={"Type": "Wait", "Seconds": 60})
    identity = stage.start(machine(both=parallel(branch("a"), branch("b"), branch("c", "step2"), wait)))
    failing, running, waiting = stage.rows(identity)
    claims = [stage.tasks.claim(one.id) for one in (failing, running)]
    stage.executions.fail(claims[0], "Broken", "why", "")
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "Broken")
    assert [stage.statuses(identity), stage.left_open(identity)] == [["FAILED", "CANCELLED", "CANCELLED"], []]
    assert stage.attempts(identity) == [(1, 1, "FAILED"), (2, 1, "CANCELLED")]
    assert stage.tasks.claim(waiting.id) is None
    before = stage.everything(identity)
    stage.succeed(claims[1])
    assert stage.everything(identity) == before


def test_a_caught_failure_ends_its_branches_and_goes_on(stage: Stage):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "rescue"}]
    identity = stage.start(machine(both=both("a", "b", Catch=catch), rescue=task("step2")))
    first, _ = stage.claim_all(identity)
    stage.executions.fail(first, "Broken", "why", "")
    assert stage.statuses(identity) == ["FAILED", "CANCELLED", "QUEUED"]
    with database.connection_context():
        assert Frame.select().count() == 0
    stage.run()
    assert stage.status(identity) == "COMPLETED"
    assert stage.script.events[-1] == ("step2", {"Error": "Broken", "Cause": "why"})


def test_a_retried_group_begins_anew(stage: Stage):
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 1}]
    identity = stage.start(machine(both=both("a", "b", Retry=retry)))
    first, second = stage.claim_all(identity)
    stage.executions.fail(first, "Broken", None, "")
    with database.connection_context():
        assert Frame.select().count() == 0
    stage.succeed(second)
    assert stage.execution(identity).waiting == "retry"
    stage.run()
    assert stage.status(identity) == "COMPLETED" and len(stage.rows(identity)) == 4


def test_a_branch_retries_for_itself(stage: Stage):
    retry = [{"ErrorEquals": ["Once"], "IntervalSeconds": 5}]
    stage.script.let("step2", raises("Once"), raises("Once"), raises("Other"))
    identity = stage.start(machine(both=parallel(branch("a"), branch("b", "step2", Retry=retry))))
    stage.run()
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "Other")
    assert stage.attempts(identity) == [(1, 1, "COMPLETED"), (2, 1, "FAILED"), (2, 2, "FAILED"), (2, 3, "FAILED")]
    assert stage.task(identity, 2).retries == 2


# Nested


NESTED = machine(
    outer=parallel(
        machine(inner=both("a", "b"), after=task("step2")),
        machine(deep=parallel(machine(deeper=both("c", "d")), branch("e"))),
        branch("f"),
    )
)


@pytest.mark.parametrize("backwards", [False, True])
def test_nested_branches_join_from_the_inside_out(stage: Stage, backwards: bool):
    identity = stage.start(NESTED)
    while stage.status(identity) == "IN_PROGRESS":
        claims = stage.claim_all(identity)
        for claim in reversed(claims) if backwards else claims:
            stage.succeed(claim, claim.step)
    assert stage.output(identity) == ["after", [["c", "d"], "e"], "f"]
    assert stage.left_open(identity) == [] and stage.history(identity)[-1] == "ExecutionSucceeded"


def test_a_failure_deep_inside_ends_the_whole(stage: Stage):
    identity = stage.start(NESTED)
    claims = {claim.step: claim for claim in stage.claim_all(identity)}
    stage.succeed(claims["a"])
    stage.executions.fail(claims["c"], "Deep", None, "")
    assert (stage.status(identity), stage.execution(identity).error) == ("FAILED", "Deep")
    assert stage.left_open(identity) == []
    assert sorted(stage.statuses(identity)) == ["CANCELLED"] * 4 + ["COMPLETED", "FAILED"]


def test_a_failure_that_is_caught_inside_leaves_the_outside_alone(stage: Stage):
    catch = [{"ErrorEquals": ["Deep"], "Next": "rescue"}]
    inner = machine(inner=both("a", "b", Catch=catch, Next="end"), rescue=task("step2"), end={"Type": "Pass"})
    identity = stage.start(machine(outer=parallel(inner, both_branch("c", "d"))))
    claims = {claim.step: claim for claim in stage.claim_all(identity)}
    stage.executions.fail(claims["a"], "Deep", None, "")
    by_step = {row.step: row.status for row in stage.rows(identity)}
    assert by_step == {"a": "FAILED", "b": "CANCELLED", "c": "IN_PROGRESS", "d": "IN_PROGRESS", "rescue": "QUEUED"}
    for step in ("c", "d"):
        stage.succeed(claims[step], step)
    stage.run()
    assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", ["step2", ["c", "d"]])


def both_branch(*names: str) -> Json:
    return machine(**{f"{'-'.join(names)}": both(*names)})


# Loading


@pytest.fixture
def wide(empty_url: str, tmp_path: Path) -> Iterator[tuple[Stage, str]]:
    """An execution of 20 branches of 2 tasks."""
    branches = [machine(**{f"x{n}": task("step1"), f"y{n}": task("step2")}) for n in range(20)]
    with staged(empty_url, tmp_path / "home") as stage:
        yield stage, stage.start(machine(all=parallel(*branches)))


def loaded(identity: str, path: str) -> set[str]:
    with database.connection_context(), transaction():
        row = locked(Execution, Execution.id == identity)
        return set(load.load(row, path, 1).frames)


def test_a_branch_is_loaded_without_its_siblings_until_it_is_the_last(wide: tuple[Stage, str]):
    stage, identity = wide
    claims = stage.claim_all(identity)
    last = claims.pop()
    assert loaded(identity, last.frame) == {"", last.frame}
    for claim in claims:
        stage.succeed(claim)
        assert loaded(identity, last.frame) == {"", last.frame}
    for claim in stage.claim_all(identity):
        stage.succeed(claim)
    assert len(loaded(identity, last.frame)) == 21
    stage.succeed(last)
    stage.run()
    assert stage.status(identity) == "COMPLETED" and stage.left_open(identity) == []


def test_a_nested_branch_is_loaded_with_its_ancestors(stage: Stage):
    identity = stage.start(NESTED)
    deep = next(row.frame for row in stage.rows(identity) if row.step == "c")
    sibling = next(row.frame for row in stage.rows(identity) if row.step == "d")
    above = {deep, parent_of(deep), parent_of(parent_of(deep)), ""}
    assert loaded(identity, deep) == above
    stage.succeed({claim.step: claim for claim in stage.claim_all(identity)}["d"])
    assert loaded(identity, deep) == above | {sibling}


def test_many_lines_of_history_are_written_in_their_order(stage: Stage):
    chain = {f"s{n}": {"Type": "Pass"} for n in range(300)}
    identity = stage.start(machine(a=task("step1"), **chain))
    stage.take_queued()
    stage.succeed_slowly(stage.claim(identity), 1)
    with database.connection_context():
        entered = History.select(History.step).where(
            History.execution_id == identity, History.type == "PassStateEntered"
        )
        assert [line.step for line in entered.order_by(History.id)] == list(chain)
    assert stage.history(identity)[-1] == "ExecutionSucceeded"
