"""The machines of an Express version: one task around the whole of the other."""

from __future__ import annotations

import pytest

from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import StateMachine, TaskState
from stepwell.runtime.engine.values import names
from stepwell.runtime.express_machines import EXPRESS_FUNCTION, EXPRESS_SECONDS, machines_of
from tests.runtime.stage import machine, task


def loaded(**fields: object) -> StateMachine:
    return load({**machine(a=task("step1"), b=task("step2")), **fields})


def test_a_standard_version_is_one_machine() -> None:
    given = loaded()
    made = machines_of(given, is_express=False)
    assert made.outer is made.inner is given


@pytest.mark.parametrize(("given", "limit"), [({}, EXPRESS_SECONDS), ({"TimeoutSeconds": 7}, 7)])
def test_an_express_version_is_one_task_with_a_limit(given: dict[str, object], limit: float) -> None:
    inner = loaded(**given)
    made = machines_of(inner, is_express=True)
    (only,) = made.outer.states.values()
    assert made.inner is inner and isinstance(only, TaskState)
    assert (only.resource, only.timeout_seconds.constant) == (EXPRESS_FUNCTION, limit)


def test_no_file_can_have_the_name_of_the_function() -> None:
    assert names.fault_of(EXPRESS_FUNCTION) is not None
