from __future__ import annotations

import pytest

from stepwell.functions.api import list_tasks
from stepwell.functions.contract import Page
from stepwell.functions.errors import InvalidRequest
from tests.functions.api.fakes import TASK, FakeApi, FakeContext, answer, event


def test_rows_without_payloads():
    tasks = FakeApi(list=Page([TASK], "c2"))
    shown = answer(list_tasks, event(query={"status": "FAILED"}), FakeContext(tasks=tasks))
    assert tasks.calls == [("list", (), {"status": "FAILED", "limit": 100, "cursor": None})]
    [row] = shown["items"]
    assert (row["id"], row["executionId"], row["workflow"], row["attempts"]) == ("t1", "e1", "résumé", 2)
    assert not {"data", "input", "result", "cause"} & set(row)


@pytest.mark.parametrize("status", ["DONE", "COMPLETED", "CANCELLED", "PENDING"])
def test_a_status_that_no_index_knows_is_refused(status):
    with pytest.raises(InvalidRequest, match="status must be one of QUEUED, IN_PROGRESS, FAILED"):
        list_tasks.handler(event(query={"status": status}), FakeContext())


def test_documents_the_statuses_it_takes():
    assert list_tasks.QUERY["status"]["enum"] == list(list_tasks.OPEN_TASK_STATUSES)
