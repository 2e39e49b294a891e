from __future__ import annotations

import pytest

from stepwell.functions.api import list_executions
from stepwell.functions.contract import Page
from stepwell.functions.errors import InvalidRequest
from tests.functions.api.fakes import AT_TEXT, EXECUTION, FakeApi, FakeContext, answer, event


def test_rows_without_payloads():
    shown = answer(list_executions, event(), FakeContext(executions=FakeApi(list=Page([EXECUTION], "c2"))))
    assert shown == {
        "items": [
            {
                "executionId": "e1",
                "name": None,
                "workflow": "résumé",
                "version": 3,
                "status": "IN_PROGRESS",
                "paused": False,
                "error": None,
                "startedAt": AT_TEXT,
                "finishedAt": None,
            }
        ],
        "next": "c2",
    }


def test_passes_the_filters_on():
    executions = FakeApi(list=Page([]))
    query = {"workflow": "a", "status": "FAILED", "limit": "1000", "cursor": "c"}
    answer(list_executions, event(query=query), FakeContext(executions=executions))
    assert executions.calls == [("list", (), {"workflow": "a", "status": "FAILED", "limit": 1000, "cursor": "c"})]


def test_an_unknown_status_is_refused_with_the_known_ones():
    with pytest.raises(InvalidRequest, match="status must be one of IN_PROGRESS, COMPLETED") as refused:
        list_executions.handler(event(query={"status": "RUNNING"}), FakeContext())
    assert refused.value.path == "status"


def test_documents_the_statuses_it_takes():
    schemas = list_executions.QUERY["status"]["enum"]
    assert schemas == list(list_executions.EXECUTION_STATUSES)
