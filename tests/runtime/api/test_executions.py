"""Executions as an API handler sees them, on both databases."""

from __future__ import annotations

from functools import partial

import pytest

from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.errors import (
    InvalidCursor,
    KeyReused,
    NotFound,
)
from stepwell.runtime.ids import new_execution_id
from tests.runtime.api.statements import pages, statements_of
from tests.runtime.stage import Stage, raises, steps


def test_an_execution_is_told_with_its_tasks_in_the_order_of_the_definition(stage: Stage, api: ApiContext):
    api.workflows.create("w", steps("step2", "step1", data={"a": 1}))
    begun = api.executions.start("w", {"in": 1}, name="n")
    assert (begun.status, begun.name, begun.workflow, begun.version) == ("IN_PROGRESS", "n", "w", 1)
    stage.run()
    view = api.executions.get(begun.id)
    assert (view.status, view.input, view.output, view.paused) == ("COMPLETED", {"in": 1}, "step1", False)
    assert view.started_at <= view.finished_at and view.started_at.utcoffset().total_seconds() == 0
    assert [(one.step, one.name, one.status, one.attempts) for one in view.tasks] == [
        ("step2", "step2", "COMPLETED", 1),
        ("step1", "step1", "COMPLETED", 1),
    ]
    assert view.tasks[1].data == {"a": 1} and view.tasks[1].input["results"] == {"step2": "step2"}
    assert view.tasks[1].result == "step1" and view.tasks[0].log == ()


@pytest.mark.parametrize("unknown", [pytest.param(new_execution_id(), id="nobody's"), "x", "", "x" * 1000])
def test_what_is_not_there_is_not_found(api: ApiContext, unknown: str):
    history = partial(api.executions.history, after=0, limit=1)
    for ask in (api.executions.get, history, api.executions.cancel, api.tasks.get, api.workflows.get):
        with pytest.raises(NotFound):
            ask(unknown)


def test_executions_are_listed_newest_first_page_by_page(stage: Stage, api: ApiContext):
    started = [stage.start(steps("step1"), workflow=name) for name in "abababa"]
    stage.executions.cancel(started[0])
    found = pages(api.executions.list, workflow=None, status=None, limit=3)
    assert [len(page.items) for page in found] == [3, 3, 1]
    assert [one.id for page in found for one in page.items] == started[::-1]
    mine = pages(api.executions.list, workflow="a", status="IN_PROGRESS", limit=1)
    assert [one.id for page in mine for one in page.items] == [started[6], started[4], started[2]]
    assert api.executions.list(workflow="nobody", status=None, limit=3, cursor=None).items == []


def test_an_execution_is_told_in_parts_with_its_attempts_in_a_few_statements(stage: Stage, api: ApiContext):
    stage.script.let("step1", raises("Boom"))
    retry = {"maxAttempts": 6, "intervalSeconds": 0}
    identity = stage.start(steps(*["step2"] * 12, "step1", retry=retry))
    stage.run()
    part = api.executions.part(identity, skip=10, limit=50, attempts=3)
    assert (part.total, part.completed, part.execution.status) == (13, 12, "FAILED")
    assert [one.step for one in part.execution.tasks] == ["step2-11", "step2-12", "step1"]
    logs = [[attempt.attempt for attempt in one.log] for one in part.execution.tasks]
    assert logs == [[1], [1], [1, 4, 5, 6]]
    assert part.execution.tasks[2].attempts == 6 and part.execution.tasks[0].result == "step2"
    few = len(statements_of(lambda: api.executions.part(identity, skip=0, limit=1, attempts=3)))
    assert len(statements_of(lambda: api.executions.part(identity, skip=0, limit=50, attempts=3))) == few <= 5
    beyond = api.executions.part(identity, skip=50, limit=50, attempts=3)
    assert (beyond.total, beyond.execution.tasks) == (13, [])
    with pytest.raises(NotFound):
        api.executions.part(new_execution_id(), skip=0, limit=1, attempts=1)


def test_a_part_shows_the_attempt_that_runs(stage: Stage, api: ApiContext):
    identity = stage.start(steps("step1", "step2"))
    stage.claim(identity)
    first, second = api.executions.part(identity, skip=0, limit=2, attempts=3).execution.tasks
    assert [(one.attempt, one.outcome) for one in first.log] == [(1, None)] and second.log == []


def test_no_listing_reads_what_may_be_large(stage: Stage, api: ApiContext):
    identity = stage.start(steps("step1"), workflow="a")
    for listing in (
        lambda: api.executions.list(workflow=None, status=None, limit=9, cursor=None),
        lambda: api.executions.list(workflow="a", status="IN_PROGRESS", limit=9, cursor=None),
        lambda: api.tasks.list(status=None, limit=9, cursor=None),
        lambda: api.tasks.list(status="QUEUED", limit=9, cursor=None),
        lambda: api.workflows.list(limit=9, cursor=None),
        lambda: api.executions._summary(identity),
    ):
        sent = " ".join(sql for sql, _ in statements_of(listing))
        assert "SELECT" in sent
        for column in ("input", "output", "data", "result", "cause", "definition", "compiled"):
            assert f'"{column}"' not in sent, sent
    versions = statements_of(lambda: api.workflows.versions("a", limit=9, cursor=None))
    assert '"compiled"' not in versions[-1][0]


@pytest.mark.no_rows
def test_a_listing_refuses_a_cursor_that_it_has_not_given(api: ApiContext):
    for cursor in ("x", "", "1", "' OR 1=1"):
        with pytest.raises(InvalidCursor):
            api.executions.list(workflow=None, status=None, limit=1, cursor=cursor)


def test_the_history_is_told_page_by_page_with_the_tasks_ids(stage: Stage, api: ApiContext):
    identity = stage.start(steps("step1"))
    stage.run()
    whole = api.executions.history(identity, after=0, limit=100)
    assert whole.next is None and [one.id for one in whole.items] == list(range(1, len(whole.items) + 1))
    assert [one.type for one in whole.items] == stage.history(identity)
    scheduled = next(one for one in whole.items if one.type == "TaskScheduled")
    assert scheduled.details["task"] == stage.task(identity).id and scheduled.details["step"] == "step1"
    first = api.executions.history(identity, after=0, limit=2)
    assert (len(first.items), first.next) == (2, "2")
    assert api.executions.history(identity, after=2, limit=100).items == whole.items[2:]


def test_executions_are_stopped_by_name_of_what_happened(stage: Stage, api: ApiContext):
    identity = stage.start(steps("step1"))
    assert api.executions.pause(identity).paused
    assert not api.executions.resume(identity).paused
    assert api.executions.cancel(identity).status == "CANCELLED"
    counts = api.executions.counts()
    assert counts["CANCELLED"] == 1 and counts["IN_PROGRESS"] == 0


def test_a_flow_is_started(stage: Stage, api: ApiContext):
    begun = api.executions.start_flow({"name": "step2", "children": [{"name": "step1"}]}, idempotency_key="k")
    assert begun.workflow == "flow:step2"
    assert api.executions.start_flow({"name": "step2", "children": [{"name": "step1"}]}, idempotency_key="k") == begun


def test_a_tree_is_known_by_its_key_and_stored_for_no_other_request(stage: Stage, api: ApiContext):
    trees = [{"name": "step2", "data": n} for n in (1, 2)]
    begun = api.executions.start_flow(trees[0], idempotency_key="k")
    with pytest.raises(KeyReused):
        api.executions.start_flow(trees[1], idempotency_key="k")
    assert api.workflows.get("flow:step2").version == 1
    api.executions.start_flow(trees[1])
    assert api.executions.start_flow(trees[0], idempotency_key="k") == begun
    assert api.workflows.get("flow:step2").version == 2
