"""Handlers import nothing of the engine: the words that the contract repeats are the engine's."""

from __future__ import annotations

from stepwell.functions import contract
from stepwell.runtime.engine.values.statuses import Status, TaskStatus


def test_the_statuses_of_the_contract_are_the_engine_s() -> None:
    assert contract.EXECUTION_STATUSES == tuple(Status)
    assert contract.TASK_STATUSES == tuple(TaskStatus)
    assert set(contract.OPEN_TASK_STATUSES) < set(TaskStatus)
