from __future__ import annotations

from dataclasses import replace

import pytest

from stepwell.functions.contract import Page
from stepwell.functions.dashboard import workflow
from stepwell.functions.errors import NotFound
from tests.functions.api.fakes import FakeApi, FakeContext
from tests.functions.dashboard.pages import (
    SHOWN,
    WORKFLOW,
    assert_tame,
    calls,
    event,
    full_context,
    hostile_context,
    read,
)

ORDERS = {"name": "orders"}


def test_shows_definition_versions_and_executions():
    text = read(workflow, event(ORDERS), full_context()).text
    assert "orders v3" in text
    assert "Newest version 3, stored 2026-11-24 11:57:00 UTC, 3 min ago" in text
    assert 'Definition { "steps": [ { "taskName": "step1" } ] } Versions v3' in text
    assert "e1 order-7 v3 ✓ COMPLETED 3 min ago 340 ms" in text


def test_says_how_to_start_it():
    (command,) = [one for one in read(workflow, event(ORDERS), full_context()).inside("pre") if "curl" in one]
    assert command.startswith("curl -X POST 'http://localhost:3000/workflows/orders/execute'")


def test_the_command_holds_nothing_that_a_shell_would_run():
    strange = replace(WORKFLOW, name="it's $(rm)/é")
    (command,) = [
        one for one in read(workflow, event(ORDERS), full_context(workflow=strange)).inside("pre") if "curl" in one
    ]
    assert "/workflows/it%27s%20%24%28rm%29%2F%C3%A9/execute'" in command


def test_asks_three_times():
    context = full_context()
    read(workflow, event(ORDERS, {"cursor": "3"}), context)
    assert calls(context) == [
        ("executions.list", {"workflow": "orders", "status": None, "limit": 10, "cursor": None}),
        ("workflows.get", {}),
        ("workflows.versions", {"limit": 10, "cursor": "3"}),
    ]


def test_versions_are_paged():
    page = read(workflow, event(ORDERS, {"cursor": "9"}), full_context(following="4"))
    assert {"/queues/workflows/orders?cursor=4#versions", "/queues/workflows/orders#versions"} <= set(page.links)


def test_without_executions_leads_to_the_command():
    context = full_context()
    context.executions = FakeApi(list=Page([]))
    assert "No executions yet. Start one with the command above." in read(workflow, event(ORDERS), context).text


def test_a_large_definition_is_cut_and_leads_to_all_of_it():
    large = replace(WORKFLOW, definition={"steps": ["x" * 100] * 1_000})
    page = read(workflow, event(ORDERS), full_context(workflow=large))
    assert "The beginning of 103.0 kB. All of it as JSON" in page.text
    assert {"/workflows/orders", "/workflows/orders/versions"} <= set(page.links)


def test_an_unknown_name_is_a_page_for_a_reader_and_json_for_a_program():
    context = FakeContext(workflows=FakeApi(get=NotFound("There is no workflow 'orders'.")))
    assert "There is no workflow 'orders'." in read(workflow, event(ORDERS), context, status=404).text
    with pytest.raises(NotFound):
        workflow.handler(event(ORDERS, headers={"accept": "application/json"}), context)


def test_hostile_values_are_text():
    page = read(workflow, event(ORDERS), hostile_context())
    assert_tame(page)
    assert SHOWN in page.inside("bdi")


def test_every_link_is_a_path_of_this_server():
    page = read(workflow, event(ORDERS), full_context(following="2"))
    assert_tame(page)
    assert {"/queues?workflow=orders", "/queues/executions/e1", "/workflows/orders?form=asl"} <= set(page.links)
