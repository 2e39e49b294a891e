"""The connection breaks at a COMMIT, so its outcome is unknown: nothing is lost, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from peewee import OperationalError

from stepwell.runtime import crashpoints, outage
from stepwell.runtime.crashpoints import POINTS
from tests.crash.acts import ACTS, Act
from tests.crash.normal_form import normal_form
from tests.crash.plays import PLAYS
from tests.runtime.stage import Stage

CASES = [
    pytest.param(act, f"{move}.{side}_commit", id=f"{act.__name__}-{move}.{side}")
    for move, acts in ACTS.items()
    for act in acts
    for side in ("after", "before")
    if (move, side) != ("start", "before")  # a refused start stays refused: no caller repeats it
]


@pytest.fixture
def fail_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], list[str]]]:
    """Breaks the connection at the ``times``-th pass of a point. Returns a list that then holds the point."""
    monkeypatch.setattr(outage, "PATIENCE", (0,) * len(outage.PATIENCE))
    monkeypatch.setattr(outage, "BREATH", 0)

    def arm_fault(point: str, times: int) -> list[str]:
        struck: list[str] = []
        reached = count(1)

        def break_once() -> None:
            if next(reached) == times:
                struck.append(point)
                raise OperationalError("the connection broke")

        crashpoints.arm(point, break_once)
        return struck

    yield arm_fault
    crashpoints.disarm()


def seen(stage: Stage, act: Act) -> Any:
    """Everything that an act leaves behind, and the names of the called handlers."""
    stage.script.events.clear()
    stage.executions.counters.clear()
    identity = act(stage)
    assert stage.work.running() == []
    calls = [name for name, _ in stage.script.events]
    return normal_form(stage, identity), stage.attempts(identity), stage.history(identity), calls


@pytest.mark.parametrize(("act", "point"), CASES)
def test_an_act_that_is_told_it_failed_is_done_once(stage: Stage, fail_at: Any, act: Act, point: str):
    """Repeats the act with a fault at the first pass of the point, the second, and so on, until there is no more."""
    stage.workflows.create("three", PLAYS["three"].definition)
    undisturbed, fenced = seen(stage, act), stage.executions.counters["fenced_results"]
    for times in count(1):
        struck = fail_at(point, times)
        assert seen(stage, act) == undisturbed, f"at reach {times}"
        assert stage.executions.counters["fenced_results"] <= fenced
        if not struck:
            break
    assert times > 1


def test_every_commit_is_part_of_an_act():
    assert [f"{move}.after_commit" for move in ACTS] == [one for one in POINTS if one.endswith(".after_commit")]
