"""A task without a holder has none of the holder's columns, whichever way it was freed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stepwell.db.values import FREED, Claimed
from tests.runtime.stage import WITH_TOKEN, Stage, machine, task

RETRY = [{"ErrorEquals": ["Once"], "IntervalSeconds": 5}]
ENDS: dict[str, Callable[[Stage, Claimed], object]] = {
    "finished in one statement": lambda stage, claim: stage.succeed(claim, 1),
    "finished by the general path": lambda stage, claim: stage.succeed_slowly(claim, 1),
    "failed": lambda stage, claim: stage.executions.fail(claim, "No", None, ""),
    "waits for its retry": lambda stage, claim: stage.executions.fail(claim, "Once", None, ""),
    "given back": lambda stage, claim: stage.tasks.give_back(claim),
    "cancelled": lambda stage, claim: stage.executions.cancel(claim.execution_id),
}


def held(stage: Stage, identity: str) -> dict[str, object]:
    row = stage.task(identity)
    return {name: getattr(row, name) for name in FREED}


@pytest.mark.parametrize("end", ENDS)
def test_a_task_that_came_free_has_none_of_the_columns_of_its_holder(stage: Stage, end: str) -> None:
    identity = stage.start(machine(a=task("step1", TimeoutSeconds=60, Retry=RETRY)))
    claim = stage.claim(identity)
    stage.set(stage.task(identity), beat_by=stage.task(identity).deadline_at)
    assert None not in held(stage, identity).values()
    ENDS[end](stage, claim)
    assert set(held(stage, identity).values()) == {None}


def test_a_task_that_awaits_its_answer_keeps_its_deadline_and_its_heartbeat(stage: Stage) -> None:
    call = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    identity = stage.start(machine(a=task(WITH_TOKEN, Parameters=call, TimeoutSeconds=60, HeartbeatSeconds=20)))
    stage.succeed(stage.claim(identity), 1)
    row = stage.task(identity)
    assert (row.status, row.owner, row.lease_until) == ("IN_PROGRESS", None, None)
    assert row.deadline_at is not None and row.beat_by is not None
