"""Handlers import nothing of the engine: the words that the contract repeats are the engine's."""

from __future__ import annotations

from stepwell.functions.contract import rest
from stepwell.runtime.engine.values.statuses import Status, TaskStatus


def test_the_statuses_of_the_contract_are_the_engine_s() -> None:
    assert rest.EXECUTION_STATUSES == tuple(Status)
    assert rest.TASK_STATUSES == tuple(TaskStatus)
    assert set(rest.OPEN_TASK_STATUSES) < set(TaskStatus)
