from __future__ import annotations

import pytest

from stepwell.functions.contract import Page
from stepwell.functions.contract.rest import EXECUTION_STATUSES, OPEN_TASK_STATUSES
from stepwell.functions.dashboard import queues
from stepwell.functions.errors import InvalidRequest
from tests.functions.api.fakes import FakeApi, FakeContext
from tests.functions.dashboard.pages import (
    HOSTILE,
    SHOWN,
    assert_tame,
    calls,
    event,
    full_context,
    hostile_context,
    read,
)


def test_shows_counts_executions_tasks_and_workflows():
    text = read(queues, event(), full_context()).text
    assert "12,000+ ✓ COMPLETED" in text
    assert "3 ✕ FAILED" in text
    assert "5 ○ QUEUED" in text
    assert "orders v3 e1 order-7 ✓ COMPLETED 3 min ago 340 ms" in text
    assert "pack step1 orders ✓ COMPLETED 2 1 0 3 min ago 340 ms" in text


def test_says_every_time_exactly_in_a_title():
    times = read(queues, event(), full_context()).all("time")
    assert {one["title"] for one in times} == {one["datetime"] for one in times} == {"2026-11-24T11:57:00.000Z"}


def test_asks_each_api_once():
    context = full_context()
    read(queues, event(), context)
    assert calls(context) == [
        ("executions.counts", {}),
        ("executions.list", {"workflow": None, "status": None, "limit": 25, "cursor": None}),
        ("tasks.counts", {}),
        ("tasks.list", {"status": None, "limit": 25, "cursor": None}),
        ("workflows.list", {"limit": 100, "cursor": None}),
    ]


def test_passes_the_filters_on():
    context = full_context()
    query = {"workflow": "orders", "status": "FAILED", "cursor": "c1", "tasks": "QUEUED"}
    read(queues, event(query=query), context)
    sent = dict(calls(context))
    assert sent["executions.list"] == {"workflow": "orders", "status": "FAILED", "limit": 25, "cursor": "c1"}
    assert sent["tasks.list"] == {"status": "QUEUED", "limit": 25, "cursor": None}


def test_a_field_left_empty_is_no_filter():
    context = full_context()
    read(queues, event(query={"workflow": "", "status": ""}), context)
    assert dict(calls(context))["executions.list"] == {"workflow": None, "status": None, "limit": 25, "cursor": None}


def test_the_form_shows_what_is_asked_for():
    page = read(queues, event(query={"workflow": "orders", "status": "FAILED"}), full_context())
    assert [one["value"] for one in page.all("input")] == ["orders"]
    assert [data for (tag, data) in page.texts if tag == "option"][1:] == list(queues.QUERY["status"]["enum"])
    assert [attributes for attributes in page.all("option") if "selected" in attributes] == [{"selected": None}]


def test_the_next_page_keeps_the_filters():
    page = read(queues, event(query={"workflow": "a&b", "status": "FAILED"}), full_context(following="c2"))
    assert "/queues?cursor=c2&workflow=a%26b&status=FAILED#executions" in page.links


def test_one_list_is_filtered_without_disturbing_the_other():
    page = read(queues, event(query={"workflow": "orders", "status": "FAILED", "tasks": "QUEUED"}), full_context())
    assert {
        "/queues?status=COMPLETED&tasks=QUEUED",
        "/queues?tasks=QUEUED",
        "/queues?workflow=orders&status=FAILED#tasks",
    } <= set(page.links)
    assert {"type": "hidden", "name": "tasks", "value": "QUEUED"} in page.all("input")


def test_the_last_page_leads_back_only():
    page = read(queues, event(query={"cursor": "c1"}), full_context())
    assert "/queues#executions" in page.links
    assert not any("cursor=" in link for link in page.links)


def test_with_nothing_there_says_how_to_begin():
    nothing = FakeApi(list=Page([]), counts={})
    page = read(queues, event(), FakeContext(executions=nothing, tasks=nothing, workflows=nothing))
    assert "No executions yet." in page.text
    assert "curl -X POST http://localhost:3000/workflows/hello_world/execute" in page.text
    assert "No tasks yet." in page.text
    assert "No workflows yet." in page.text


def test_with_nothing_that_fits_offers_the_rest():
    nothing = FakeApi(list=Page([]), counts={})
    query = {"status": "FAILED", "tasks": "QUEUED"}
    page = read(queues, event(query=query), FakeContext(executions=nothing, tasks=nothing, workflows=nothing))
    assert "No execution fits." in page.text
    assert "No task stands there now." in page.text
    assert "curl -X POST http://localhost:3000/workflows/hello_world/execute" not in page.text


def test_an_unknown_status_is_refused_with_the_known_ones():
    with pytest.raises(InvalidRequest, match="status must be one of IN_PROGRESS, COMPLETED"):
        queues.handler(event(query={"status": "RUNNING"}, headers={"accept": "*/*"}), full_context())
    page = read(queues, event(query={"tasks": "<b>"}), full_context(), status=400)
    assert "tasks must be one of QUEUED" in page.text


def test_documents_the_statuses_it_takes():
    assert queues.QUERY["status"]["enum"] == list(EXECUTION_STATUSES)
    assert queues.QUERY["tasks"]["enum"] == list(OPEN_TASK_STATUSES)


def test_hostile_values_are_text():
    page = read(queues, event(query={"workflow": HOSTILE, "cursor": HOSTILE}), hostile_context())
    assert_tame(page)
    assert SHOWN in page.inside("bdi")
    assert SHOWN in [one.get("value") for one in page.all("input")]


def test_every_link_is_a_path_of_this_server():
    page = read(queues, event(), full_context(following="c2"))
    assert_tame(page)
    assert {"/queues", "/queues/executions/e1", "/queues/executions/e1#step-t1", "/queues/workflows/orders"} <= set(
        page.links
    )
