"""Handlers import nothing from the engine, so the contract repeats its statuses. Both must stay equal."""

from __future__ import annotations

from stepwell.functions.contract import rest, step_functions
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.map_runs.redrive import PENDING
from stepwell.runtime.moves import completion


def test_the_statuses_of_the_contract_are_the_engine_s() -> None:
    assert rest.EXECUTION_STATUSES == tuple(Status)
    assert rest.TASK_STATUSES == tuple(TaskStatus)
    assert set(rest.OPEN_TASK_STATUSES) < set(TaskStatus)


def test_aws_has_one_word_for_each_status() -> None:
    assert set(step_functions.STATUSES) == {*Status, PENDING}
    assert completion.STATUSES.items() <= step_functions.STATUSES.items()
