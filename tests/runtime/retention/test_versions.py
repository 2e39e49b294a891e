"""Versions of flows go when no execution uses them; the newest stays, and so do all versions of workflows."""

from __future__ import annotations

import pytest
from peewee import SQL

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Version
from stepwell.runtime.moves.start import Wanted
from stepwell.runtime.retention import versions
from stepwell.runtime.retention.versions import FlowVersions
from tests.runtime.retention.aged import Aged
from tests.runtime.stage import steps


def flow(aged: Aged, number: int) -> str:
    """Start a flow with a tree of its own. Returns the version's id."""
    latest = aged.stage.workflows.create_flow({"name": "step1", "data": {"number": number}})
    aged.stage.executions.start(latest, Wanted({}))
    aged.stage.run()
    return latest.version_id


def stored() -> set[str]:
    with database.connection_context():
        return {row.id for row in Version.select(Version.id)}


def store_long_ago(ms: int = 10 * versions.SETTLED_MS) -> None:
    with database.connection_context():
        Version.update(created_at=Version.created_at - SQL(str(ms))).execute()


def delete(flows: FlowVersions) -> int:
    with database.connection_context():
        before = queries.now() - 60_000
    total = 0
    while (gone := flows.delete_some(before)) is not None:
        total += gone
    return total


def test_versions_of_flows_go_with_their_last_execution(aged: Aged) -> None:
    made = [flow(aged, number) for number in range(4)]
    store_long_ago()
    flows = FlowVersions()
    assert delete(flows) == 0
    aged.age()
    aged.delete()
    assert delete(flows) == 3
    assert stored() == {made[3]}
    assert flow(aged, 3) == made[3]  # the newest is the one that the next start of its tree finds


def test_a_version_that_was_the_newest_a_moment_ago_stays(aged: Aged) -> None:
    """A start may have chosen it, and write its execution now."""
    first = flow(aged, 1)
    store_long_ago()
    flow(aged, 2)
    aged.age()
    aged.delete()
    assert delete(FlowVersions()) == 0
    store_long_ago()
    assert delete(FlowVersions()) == 1
    assert first not in stored()


def test_versions_of_workflows_stay(aged: Aged) -> None:
    for _ in range(3):
        aged.old(steps("step1"))
    store_long_ago()
    aged.delete()
    before = stored()
    assert delete(FlowVersions()) == 0
    assert stored() == before and len(before) == 3


def test_a_call_looks_at_a_bounded_number_and_the_next_one_goes_on(aged: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "AT_ONCE", 2)
    for number in range(5):
        flow(aged, number)
    store_long_ago()
    aged.age()
    aged.delete()
    with database.connection_context():
        before = queries.now()
    flows = FlowVersions()
    assert [flows.delete_some(before) for _ in range(4)] == [2, 2, 0, None]
