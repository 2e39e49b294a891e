from __future__ import annotations

from stepwell.functions.api import start_flow
from tests.functions.api.fakes import EXECUTION, FakeApi, FakeContext, answer, event

TREE = {"name": "step2", "children": [{"name": "step1"}, {"name": "step1", "opts": {"attempts": 2}}]}


def test_starts_the_tree_as_it_came():
    executions = FakeApi(start_flow=EXECUTION)
    given = event(body=TREE, headers={"idempotency-key": "k"})
    assert answer(start_flow, given, FakeContext(executions=executions)) == {
        "executionId": "e1",
        "status": "IN_PROGRESS",
    }
    assert executions.calls == [("start_flow", (TREE,), {"idempotency_key": "k"})]


def test_tells_where_the_execution_is():
    response = start_flow.handler(event(body=TREE), FakeContext(executions=FakeApi(start_flow=EXECUTION)))
    assert response["headers"]["location"] == "/executions/e1"
