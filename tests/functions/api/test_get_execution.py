from __future__ import annotations

import pytest

from stepwell.functions.api import get_execution
from stepwell.functions.errors import NotFound
from tests.functions.api.fakes import AT_TEXT, EXECUTION, FakeApi, FakeContext, answer, event


def test_shows_the_execution_with_its_tasks():
    executions = FakeApi(get=EXECUTION)
    shown = answer(get_execution, event(path={"id": "e1"}), FakeContext(executions=executions))
    assert executions.calls == [("get", ("e1",), {})]
    assert {name: shown[name] for name in ("executionId", "workflow", "version", "input", "output", "startedAt")} == {
        "executionId": "e1",
        "workflow": "résumé",
        "version": 3,
        "input": {"x": 0},
        "output": None,
        "startedAt": AT_TEXT,
    }
    assert shown["tasks"] == [
        {
            "id": "t1",
            "name": "step1",
            "step": "first",
            "status": "COMPLETED",
            "attempts": 2,
            "retries": 1,
            "losses": 0,
            "data": {"a": 1},
            "input": {"data": {"a": 1}},
            "result": [False],
            "error": None,
            "cause": None,
            "startedAt": AT_TEXT,
            "finishedAt": None,
        }
    ]


def test_an_unknown_id_is_not_found():
    with pytest.raises(NotFound):
        get_execution.handler(event(path={"id": "no"}), FakeContext(executions=FakeApi(get=NotFound())))
