"""Names of internal workflows: no valid user's name equals one."""

from __future__ import annotations

import pytest

from stepwell.runtime import workflow_names
from stepwell.runtime.engine.values import names


@pytest.mark.parametrize("name", [workflow_names.of_flow("pack"), workflow_names.of_events("pack")])
def test_no_user_can_give_such_a_name(name: str) -> None:
    assert names.fault_of("pack") is None and names.fault_of(name) is not None


def test_the_workflow_of_events_is_known_by_its_name() -> None:
    assert workflow_names.is_of_events(workflow_names.of_events("pack"))
    assert not workflow_names.is_of_events(workflow_names.of_flow("event"))
    assert not workflow_names.is_of_events("event")
