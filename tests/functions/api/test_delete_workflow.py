from __future__ import annotations

from stepwell.functions.api import delete_workflow
from tests.functions.api.fakes import FakeApi, FakeContext, answer, event


def test_deletes_and_says_nothing():
    workflows = FakeApi(delete=None)
    assert answer(delete_workflow, event(path={"name": "a b"}), FakeContext(workflows=workflows)) is None
    assert workflows.calls == [("delete", ("a b",), {})]
