from __future__ import annotations

from stepwell.functions.api import list_versions
from stepwell.functions.contract import Page
from tests.functions.api.fakes import WORKFLOW, FakeApi, FakeContext, answer, event


def test_a_page_of_versions():
    workflows = FakeApi(versions=Page([WORKFLOW]))
    shown = answer(
        list_versions, event(path={"name": "résumé"}, query={"limit": "7"}), FakeContext(workflows=workflows)
    )
    assert [one["version"] for one in shown["items"]] == [3]
    assert workflows.calls == [("versions", ("résumé",), {"limit": 7, "cursor": None})]
