from __future__ import annotations

from dataclasses import replace

import pytest

from stepwell.functions.api import cancel_execution
from stepwell.functions.errors import Conflict
from tests.functions.api.fakes import EXECUTION, FakeApi, FakeContext, answer, event


def test_shows_the_execution_as_it_is_then():
    executions = FakeApi(cancel=replace(EXECUTION, status="CANCELLED"))
    shown = answer(cancel_execution, event(path={"id": "e1"}), FakeContext(executions=executions))
    assert executions.calls == [("cancel", ("e1",), {})]
    assert shown["executionId"] == "e1"
    assert shown["status"] == "CANCELLED"


def test_one_that_has_ended_is_a_conflict():
    with pytest.raises(Conflict):
        cancel_execution.handler(event(path={"id": "e1"}), FakeContext(executions=FakeApi(cancel=Conflict())))
