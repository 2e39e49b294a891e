"""Workflows as an API handler sees them, on both databases."""

from __future__ import annotations

import pytest

from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.errors import (
    InvalidCursor,
)
from tests.runtime.api.statements import pages
from tests.runtime.stage import steps


def test_workflows_are_listed_by_name_and_their_versions_newest_first(api: ApiContext):
    for name in ("b", "a", "c", "b"):
        api.workflows.create(name, steps("step1"))
    api.workflows.delete("c")
    found = pages(api.workflows.list, limit=1)
    assert [(one.name, one.version) for page in found for one in page.items] == [("a", 1), ("b", 2)]
    versions = pages(lambda cursor, limit: api.workflows.versions("b", limit=limit, cursor=cursor), limit=1)
    assert [one.version for page in versions for one in page.items] == [2, 1]
    assert api.workflows.get("b").definition == steps("step1")
    assert api.workflows.machine("b")["StartAt"] == "step1"
    for cursor in ("x", "-1", "9" * 40):
        with pytest.raises(InvalidCursor):
            api.workflows.versions("b", limit=1, cursor=cursor)
