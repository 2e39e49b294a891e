"""A task that came free, in whichever way, keeps none of its holder's columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stepwell.db.values import FREED, Claimed
from tests.runtime.stage import WITH_TOKEN, Stage, machine, task

RETRY = [{"ErrorEquals": ["Once"], "IntervalSeconds": 5}]
ENDS: dict[str, Callable[[Stage, Claimed], object]] = {
    "finished in one statement": lambda house, claim: house.succeed(claim, 1),
    "finished by the general path": lambda house, claim: house.succeed_slowly(claim, 1),
    "failed": lambda house, claim: house.executions.fail(claim, "No", None, ""),
    "waits for its retry": lambda house, claim: house.executions.fail(claim, "Once", None, ""),
    "given back": lambda house, claim: house.tasks.give_back(claim),
    "cancelled": lambda house, claim: house.executions.cancel(claim.execution_id),
}


def held(house: Stage, identity: str) -> dict[str, object]:
    row = house.task(identity)
    return {name: getattr(row, name) for name in FREED}


@pytest.mark.parametrize("end", ENDS)
def test_a_task_that_came_free_has_none_of_the_columns_of_its_holder(house: Stage, end: str) -> None:
    identity = house.start(machine(a=task("step1", TimeoutSeconds=60, Retry=RETRY)))
    claim = house.claim(identity)
    house.set(house.task(identity), beat_by=house.task(identity).deadline_at)
    assert None not in held(house, identity).values()
    ENDS[end](house, claim)
    assert set(held(house, identity).values()) == {None}


def test_a_task_that_awaits_its_answer_keeps_its_deadline_and_its_heartbeat(house: Stage) -> None:
    call = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    identity = house.start(machine(a=task(WITH_TOKEN, Parameters=call, TimeoutSeconds=60, HeartbeatSeconds=20)))
    house.succeed(house.claim(identity), 1)
    row = house.task(identity)
    assert (row.status, row.owner, row.lease_until) == ("IN_PROGRESS", None, None)
    assert row.deadline_at is not None and row.beat_by is not None
