from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from stepwell.functions.contract import Page
from stepwell.functions.contract.rest import ExecutionPart, HistoryView
from stepwell.functions.dashboard import execution
from stepwell.functions.errors import InvalidRequest, NotFound
from tests.functions.api.fakes import FakeApi, FakeContext
from tests.functions.dashboard.pages import (
    ATTEMPT,
    CAUSE,
    ENDED,
    EXECUTION,
    SHOWN,
    TASK,
    assert_tame,
    calls,
    event,
    full_context,
    hostile_context,
    read,
)

E1 = {"id": "e1"}
FAILED = replace(EXECUTION, status="FAILED", output=None, error="Boom", cause=CAUSE)


def test_shows_the_execution():
    text = read(execution, event(E1), full_context()).text
    assert "orders ✓ COMPLETED" in text
    assert "Execution e1 Name order-7 Version 3" in text
    assert "Started 2026-11-24 11:57:00 UTC, 3 min ago Took 340 ms Steps 1 of 1 completed" in text
    assert 'Input { "order": 7 } Output { "shipped": true }' in text


def test_shows_each_step_with_its_attempts_and_their_logs():
    text = read(execution, event(E1), full_context()).text
    assert "pack step1 2 attempts, 1 retry 340 ms ✓ COMPLETED" in text
    assert 'Data { "box": "small" } Result { "weight": 7 } Input, the event that the handler got { "data"' in text
    assert "Attempt 1 ✕ FAILED 3 min ago , 340 ms Boom : it broke" in text
    assert "Log first second Attempt 2 ✓ COMPLETED 3 min ago , 340 ms It logged nothing." in text


def test_shows_lambdas_error_with_the_lines_of_its_trace():
    page = read(execution, event(E1), full_context(FAILED))
    assert "Error Boom : it broke" in page.text
    assert '  File "step1.py", line 3, in handler\n    raise Boom\nlast line' in page.inside("pre")
    assert "requestId r-1" in page.text
    assert "Output None: it did not complete." in page.text


def test_shows_a_cause_in_any_other_form_as_it_came():
    text = read(execution, event(E1), full_context(replace(FAILED, cause="WorkerLost: three times"))).text
    assert "Error Boom : WorkerLost: three times" in text


def test_a_step_that_failed_or_runs_stands_open():
    tasks = [replace(TASK, id=word, status=word) for word in ("COMPLETED", "FAILED", "IN_PROGRESS", "PENDING")]
    page = read(execution, event(E1), full_context(replace(EXECUTION, tasks=tasks)))
    opened = {
        item["id"]: "open" in details
        for (_, item), (tag, details) in pairwise(page.elements)
        if tag == "details" and item.get("id", "").startswith("step-")
    }
    assert opened == {"step-COMPLETED": False, "step-FAILED": True, "step-IN_PROGRESS": True, "step-PENDING": False}


def test_the_error_of_a_step_is_not_said_again_above_its_last_attempt():
    failed = replace(TASK, status="FAILED", error="Boom", cause="plainly", log=(replace(ATTEMPT, cause="plainly"),))
    assert read(execution, event(E1), full_context(task=failed)).text.count("Boom : plainly") == 1
    lost = replace(failed, cause="WorkerLost")
    assert "Boom : WorkerLost" in read(execution, event(E1), full_context(task=lost)).text


def test_a_running_attempt_has_no_log_yet():
    running = replace(ATTEMPT, outcome=None, error=None, cause=None, logs="", finished_at=None)
    text = read(execution, event(E1), full_context(task=replace(TASK, status="IN_PROGRESS", log=(running,)))).text
    assert "Attempt 1 ▸ IN_PROGRESS 3 min ago , 3 min so far Its log is kept when the attempt ends." in text


def test_only_the_last_attempts_are_shown():
    log = tuple(replace(ATTEMPT, attempt=n) for n in range(1, 31))
    page = read(execution, event(E1), full_context(task=replace(TASK, attempts=30, log=log)))
    assert "The last 10 of 30 attempts." in page.text
    assert [n for n in range(1, 31) if f"Attempt {n} " in page.text] == list(range(21, 31))
    assert "/tasks/t1" in page.links


def test_shows_history_with_all_that_an_event_says():
    text = read(execution, event(E1), full_context()).text
    assert '4 340 ms TaskFailed pack Boom it broke Boom : it broke File "step1.py"' in text
    assert '{"task":"t1"}' in text


def test_long_details_of_an_event_are_folded():
    line = HistoryView(9, "TaskStateEntered", ENDED, {"input": "x" * 10_000})
    page = read(execution, event(E1), full_context(line=line))
    assert max(len(data) for _, data in page.texts if data.startswith('{"input')) <= 100
    assert "/executions/e1/history?after=8&limit=1" in page.links


def test_a_large_payload_is_cut_and_leads_to_all_of_it():
    large = replace(EXECUTION, input={"rows": ["é" * 10] * 5_000}, output="x" * 50_000)
    page = read(execution, event(E1), full_context(large))
    assert "The beginning of 115.0 kB. All of it as JSON" in page.text
    assert "The beginning of 50.0 kB. All of it as JSON" in page.text
    assert "/executions/e1" in page.links
    assert max(len(data) for data in page.inside("pre")) <= 4096


def test_the_end_of_a_long_log_is_shown():
    long = replace(ATTEMPT, logs="dull\n" * 2_000 + "the point\n")
    page = read(execution, event(E1), full_context(task=replace(TASK, log=(long,))))
    assert "the point Log" not in page.text and "the point The end of 10.0 kB." in page.text


def test_asks_twice_however_many_steps_were_tried():
    tasks = [replace(TASK, id=f"t{n}") for n in range(20)]
    context = full_context(replace(EXECUTION, tasks=tasks), total=120)
    page = read(execution, event(E1, {"skip": "100"}), context)
    assert calls(context) == [
        ("executions.part", {"skip": 100, "limit": 50, "attempts": 10}),
        ("executions.history", {"after": 0, "limit": 100}),
    ]
    assert [one["start"] for one in page.all("ol")] == ["101"]
    assert "/queues/executions/e1#steps" in page.links


def test_more_steps_stand_on_the_next_page():
    page = read(execution, event(E1), full_context(total=51))
    assert "/queues/executions/e1?skip=50#steps" in page.links
    assert "Steps 1 of 51 completed" in page.text


def test_history_is_paged():
    context = full_context(following="104")
    page = read(execution, event(E1, {"after": "4"}), context)
    assert dict(calls(context))["executions.history"] == {"after": 4, "limit": 100}
    assert {"/queues/executions/e1?after=104#history", "/queues/executions/e1#history"} <= set(page.links)


@pytest.mark.parametrize("name", ["skip", "after"])
@pytest.mark.parametrize("value", ["-1", "x", "1.5", "٣", "9" * 16])
def test_a_place_that_is_no_number_is_refused(name, value):
    with pytest.raises(InvalidRequest, match=f"{name} must be a whole number"):
        execution.handler(event(E1, {name: value}, {"accept": "application/json"}), full_context())


def test_follows_a_running_execution_closely_and_an_ended_one_loosely():
    running = replace(EXECUTION, status="IN_PROGRESS", finished_at=None, paused=True)
    page = read(execution, event(E1), full_context(running))
    assert page.all("main")[0]["data-refresh-seconds"] == "2"
    assert "▸ IN_PROGRESS ‖ PAUSED" in page.text
    assert "Took 3 min so far" in page.text
    assert "Output None yet." in page.text
    assert read(execution, event(E1), full_context()).all("main")[0]["data-refresh-seconds"] == "30"


def test_without_steps_or_history_says_so():
    context = FakeContext(executions=FakeApi(part=ExecutionPart(replace(EXECUTION, tasks=()), 0, 0), history=Page([])))
    text = read(execution, event(E1), context).text
    assert "No steps are known beforehand" in text
    assert "Nothing has happened yet." in text


def test_an_unknown_id_is_a_page_for_a_reader_and_json_for_a_program():
    context = FakeContext(executions=FakeApi(part=NotFound("There is no execution '<b>'.")))
    page = read(execution, event({"id": "<b>"}), context, status=404)
    assert "404 There is no execution '<b>'. Back to the queues" in page.text
    assert not page.all("script") and "/queues" in page.links
    with pytest.raises(NotFound):
        execution.handler(event({"id": "<b>"}, headers={"accept": "*/*"}), context)


def test_hostile_values_are_text():
    page = read(execution, event(E1, {"skip": "0", "after": "1"}), hostile_context())
    assert_tame(page)
    assert SHOWN in page.inside("h1") + page.inside("bdi")
    assert SHOWN in page.inside("pre")
    assert any("<script>" in data for data in page.inside("span"))


def test_every_link_is_a_path_of_this_server():
    page = read(execution, event(E1), full_context(FAILED, following="104"))
    assert_tame(page)
    assert {"/queues", "/queues/workflows/orders", "/executions/e1", "/executions/e1/history"} <= set(page.links)
