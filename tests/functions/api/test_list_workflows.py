from __future__ import annotations

import pytest

from stepwell.functions.api import list_workflows
from stepwell.functions.contract import Page
from stepwell.functions.errors import InvalidRequest
from tests.functions.api.fakes import WORKFLOW, FakeApi, FakeContext, answer, event


def test_a_page_with_the_cursor_of_the_next():
    workflows = FakeApi(list=Page([WORKFLOW], "c2"))
    shown = answer(list_workflows, event(query={"limit": "1", "cursor": "c1"}), FakeContext(workflows=workflows))
    assert workflows.calls == [("list", (), {"limit": 1, "cursor": "c1"})]
    assert [one["name"] for one in shown["items"]] == ["résumé"]
    assert shown["next"] == "c2"


def test_a_hundred_from_the_start_unless_told():
    workflows = FakeApi(list=Page([]))
    assert answer(list_workflows, event(), FakeContext(workflows=workflows)) == {"items": [], "next": None}
    assert workflows.calls == [("list", (), {"limit": 100, "cursor": None})]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.5", "ten", "", "1e2", "٣", "9" * 30, " 1"])
def test_a_bad_limit_is_refused_by_name(limit):
    with pytest.raises(InvalidRequest) as refused:
        list_workflows.handler(event(query={"limit": limit}), FakeContext())
    assert refused.value.path == "limit"
