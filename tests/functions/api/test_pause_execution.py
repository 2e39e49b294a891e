from __future__ import annotations

from dataclasses import replace

import pytest

from stepwell.functions.api import pause_execution
from stepwell.functions.errors import Conflict
from tests.functions.api.fakes import EXECUTION, FakeApi, FakeContext, answer, event


def test_shows_the_execution_as_it_is_then():
    executions = FakeApi(pause=replace(EXECUTION, paused=True))
    shown = answer(pause_execution, event(path={"id": "e1"}), FakeContext(executions=executions))
    assert executions.calls == [("pause", ("e1",), {})]
    assert shown["executionId"] == "e1"
    assert shown["paused"] is True


def test_one_that_has_ended_is_a_conflict():
    with pytest.raises(Conflict):
        pause_execution.handler(event(path={"id": "e1"}), FakeContext(executions=FakeApi(pause=Conflict())))
