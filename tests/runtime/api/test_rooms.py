"""What an API handler may ask for, on both databases."""

from __future__ import annotations

import runpy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stepwell.db.database import connect, database, is_sqlite
from stepwell.functions.contract import ApiContext, Page
from stepwell.functions.errors import (
    InvalidCursor,
    InvalidToken,
    KeyReused,
    NotFound,
    PayloadTooLarge,
    TaskClosed,
    TooManyRequests,
    Unavailable,
)
from stepwell.runtime.api.rooms import INVOCATIONS, ArtifactRoom, FunctionRoom, HealthRoom
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.ids import new_execution_id
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.lambdas.functions import Functions
from stepwell.runtime.settings import ROOT
from tests.runtime.stage import WITH_TOKEN, Stage, machine, raises, steps, task


@pytest.fixture
def api(house: Stage) -> ApiContext:
    return house.runtime.api_context("request")


def pages(listing: Any, **given: Any) -> list[Page[Any]]:
    """Every page of a listing, by its cursors."""
    found = [listing(cursor=None, **given)]
    while found[-1].next is not None:
        found.append(listing(cursor=found[-1].next, **given))
    return found


# Executions


def test_an_execution_is_told_with_its_tasks_in_the_order_of_the_definition(house: Stage, api: ApiContext):
    api.workflows.create("w", steps("step2", "step1", data={"a": 1}))
    begun = api.executions.start("w", {"in": 1}, name="n")
    assert (begun.status, begun.name, begun.workflow, begun.version) == ("IN_PROGRESS", "n", "w", 1)
    house.run()
    told = api.executions.get(begun.id)
    assert (told.status, told.input, told.output, told.paused) == ("COMPLETED", {"in": 1}, "step1", False)
    assert told.started_at <= told.finished_at and told.started_at.utcoffset().total_seconds() == 0
    assert [(one.step, one.name, one.status, one.attempts) for one in told.tasks] == [
        ("step2", "step2", "COMPLETED", 1),
        ("step1", "step1", "COMPLETED", 1),
    ]
    assert told.tasks[1].data == {"a": 1} and told.tasks[1].input["results"] == {"step2": "step2"}
    assert told.tasks[1].result == "step1" and told.tasks[0].log == ()


@pytest.mark.parametrize("unknown", [new_execution_id(), "x", "", "x" * 1000])
def test_what_is_not_there_is_not_found(api: ApiContext, unknown: str):
    history = partial(api.executions.history, after=0, limit=1)
    for ask in (api.executions.get, history, api.executions.cancel, api.tasks.get, api.workflows.get):
        with pytest.raises(NotFound):
            ask(unknown)


def test_executions_are_listed_newest_first_page_by_page(house: Stage, api: ApiContext):
    started = [house.start(steps("step1"), workflow=name) for name in "abababa"]
    house.executions.cancel(started[0])
    found = pages(api.executions.list, workflow=None, status=None, limit=3)
    assert [len(page.items) for page in found] == [3, 3, 1]
    assert [one.id for page in found for one in page.items] == started[::-1]
    mine = pages(api.executions.list, workflow="a", status="IN_PROGRESS", limit=1)
    assert [one.id for page in mine for one in page.items] == [started[6], started[4], started[2]]
    assert api.executions.list(workflow="nobody", status=None, limit=3, cursor=None).items == []


def asked(act: Callable[[], Any]) -> list[tuple[str, Any]]:
    """The statements that an act sends to the database."""
    sent: list[tuple[str, Any]] = []
    execute = database.obj.execute_sql

    def record(sql: str, params: Any = None, *args: Any) -> Any:
        sent.append((sql, params))
        return execute(sql, params, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database.obj, "execute_sql", record)
        act()
    return sent


def test_an_execution_is_told_in_parts_with_its_attempts_in_a_few_statements(house: Stage, api: ApiContext):
    house.script.let("step1", raises("Boom"))
    retry = {"maxAttempts": 6, "intervalSeconds": 0}
    identity = house.start(steps(*["step2"] * 12, "step1", retry=retry))
    house.run()
    part = api.executions.part(identity, skip=10, limit=50, attempts=3)
    assert (part.total, part.completed, part.execution.status) == (13, 12, "FAILED")
    assert [one.step for one in part.execution.tasks] == ["step2-11", "step2-12", "step1"]
    logs = [[attempt.attempt for attempt in one.log] for one in part.execution.tasks]
    assert logs == [[1], [1], [1, 4, 5, 6]]
    assert part.execution.tasks[2].attempts == 6 and part.execution.tasks[0].result == "step2"
    few = len(asked(lambda: api.executions.part(identity, skip=0, limit=1, attempts=3)))
    assert len(asked(lambda: api.executions.part(identity, skip=0, limit=50, attempts=3))) == few <= 5
    beyond = api.executions.part(identity, skip=50, limit=50, attempts=3)
    assert (beyond.total, beyond.execution.tasks) == (13, [])
    with pytest.raises(NotFound):
        api.executions.part(new_execution_id(), skip=0, limit=1, attempts=1)


def test_a_part_shows_the_attempt_that_runs(house: Stage, api: ApiContext):
    identity = house.start(steps("step1", "step2"))
    house.claim(identity)
    first, second = api.executions.part(identity, skip=0, limit=2, attempts=3).execution.tasks
    assert [(one.attempt, one.outcome) for one in first.log] == [(1, None)] and second.log == []


def test_no_listing_reads_what_may_be_large(house: Stage, api: ApiContext):
    identity = house.start(steps("step1"), workflow="a")
    for listing in (
        lambda: api.executions.list(workflow=None, status=None, limit=9, cursor=None),
        lambda: api.executions.list(workflow="a", status="IN_PROGRESS", limit=9, cursor=None),
        lambda: api.tasks.list(status=None, limit=9, cursor=None),
        lambda: api.tasks.list(status="QUEUED", limit=9, cursor=None),
        lambda: api.workflows.list(limit=9, cursor=None),
        lambda: api.executions._summary(identity),
    ):
        sent = " ".join(sql for sql, _ in asked(listing))
        assert "SELECT" in sent
        for column in ("input", "output", "data", "result", "cause", "definition", "compiled"):
            assert f'"{column}"' not in sent, sent
    versions = asked(lambda: api.workflows.versions("a", limit=9, cursor=None))
    assert '"compiled"' not in versions[-1][0]


def test_open_tasks_are_found_without_a_look_at_those_that_have_ended(house: Stage, api: ApiContext):
    first, second = house.start(steps("step1", "step2")), house.start(steps("step1", "step2"))
    house.claim(first)
    house.claim(second)
    found = pages(api.tasks.list, status="IN_PROGRESS", limit=1)
    assert [one.id for page in found for one in page.items] == [house.task(one).id for one in (second, first)]
    for status, index in {"QUEUED": "task_queued", "IN_PROGRESS": "task_running", "FAILED": "task_failed"}.items():
        for cursor in (None, new_execution_id()):
            plan = plan_of(partial(api.tasks.list, status=status, limit=9, cursor=cursor))
            assert index in plan, plan


def plan_of(act: Callable[[], Any]) -> str:
    """How the database goes about the last statement of an act when it shuns reading whole tables."""
    sql, given = asked(act)[-1]
    with database.connection_context():
        if not is_sqlite():
            database.execute_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if is_sqlite() else "EXPLAIN"
        plan = database.execute_sql(f"{explain} {sql}", given).fetchall()
        if not is_sqlite():
            database.execute_sql("RESET enable_seqscan")
    return " ".join(str(row) for row in plan)


def test_a_listing_refuses_a_cursor_that_it_has_not_given(api: ApiContext):
    for cursor in ("x", "", "1", "' OR 1=1"):
        with pytest.raises(InvalidCursor):
            api.executions.list(workflow=None, status=None, limit=1, cursor=cursor)


def test_the_history_is_told_page_by_page_with_the_tasks_ids(house: Stage, api: ApiContext):
    identity = house.start(steps("step1"))
    house.run()
    whole = api.executions.history(identity, after=0, limit=100)
    assert whole.next is None and [one.id for one in whole.items] == list(range(1, len(whole.items) + 1))
    assert [one.type for one in whole.items] == house.history(identity)
    scheduled = next(one for one in whole.items if one.type == "TaskScheduled")
    assert scheduled.details["task"] == house.task(identity).id and scheduled.details["step"] == "step1"
    first = api.executions.history(identity, after=0, limit=2)
    assert (len(first.items), first.next) == (2, "2")
    assert api.executions.history(identity, after=2, limit=100).items == whole.items[2:]


def test_executions_are_stopped_by_name_of_what_happened(house: Stage, api: ApiContext):
    identity = house.start(steps("step1"))
    assert api.executions.pause(identity).paused
    assert not api.executions.resume(identity).paused
    assert api.executions.cancel(identity).status == "CANCELLED"
    counts = api.executions.counts()
    assert counts["CANCELLED"] == 1 and counts["IN_PROGRESS"] == 0


def test_a_flow_is_started(house: Stage, api: ApiContext):
    begun = api.executions.start_flow({"name": "step2", "children": [{"name": "step1"}]}, idempotency_key="k")
    assert begun.workflow == "flow:step2"
    assert api.executions.start_flow({"name": "step2", "children": [{"name": "step1"}]}, idempotency_key="k") == begun


def test_a_tree_is_known_by_its_key_and_stored_for_no_other_request(house: Stage, api: ApiContext):
    trees = [{"name": "step2", "data": n} for n in (1, 2)]
    begun = api.executions.start_flow(trees[0], idempotency_key="k")
    with pytest.raises(KeyReused):
        api.executions.start_flow(trees[1], idempotency_key="k")
    assert api.workflows.get("flow:step2").version == 1
    api.executions.start_flow(trees[1])
    assert api.executions.start_flow(trees[0], idempotency_key="k") == begun
    assert api.workflows.get("flow:step2").version == 2


# Workflows


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


# Tasks


def test_a_task_is_told_with_its_attempts_and_what_they_printed(house: Stage, api: ApiContext):
    house.script.let("step1", raises("Once", "why"), Outcome(result="1", logs="said\n"))
    identity = house.start(steps("step1", retry={"maxAttempts": 2}))
    first = house.rung()[0]
    house.work.run(first)
    house.fire_timers()
    claim = house.claim(identity)
    told = api.tasks.get(first)
    assert [(one.attempt, one.outcome, one.error) for one in told.log] == [(1, "FAILED", "Once"), (2, None, None)]
    assert (told.workflow, told.execution_id, told.attempts, told.retries) == ("play", identity, 2, 1)
    house.tasks.give_back(claim)
    house.run()
    house.work.run(first)
    log = api.tasks.get(first).log
    assert [one.outcome for one in log] == ["FAILED", "RETURNED", "COMPLETED"] and log[-1].logs == "said\n"


def test_tasks_are_listed_newest_first_page_by_page(house: Stage, api: ApiContext):
    first, second = house.start(steps("step1", "step2")), house.start(steps("step1", "step2"))
    found = pages(api.tasks.list, status=None, limit=3)
    wanted = [row.id for identity in (second, first) for row in reversed(house.rows(identity))]
    assert [one.id for page in found for one in page.items] == wanted
    queued = api.tasks.list(status="QUEUED", limit=10, cursor=None)
    assert [one.id for one in queued.items] == [house.task(one).id for one in (second, first)]
    assert api.tasks.counts() == {"QUEUED": 2, "IN_PROGRESS": 0, "FAILED": 0}


def test_a_task_token_is_answered(house: Stage, api: ApiContext):
    parameters = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
    answers = {
        "COMPLETED": lambda token: api.tasks.succeed(token, 1),
        "FAILED": lambda token: api.tasks.fail(token, None, None),
    }
    for status, answer in answers.items():
        identity = house.start(machine(ask=task(WITH_TOKEN, Parameters=parameters)))
        house.run()
        token = house.script.events[-1][1]["token"]
        api.tasks.heartbeat(token)
        answer(token)
        assert house.status(identity) == status
        with pytest.raises(TaskClosed):
            api.tasks.heartbeat(token)
    with pytest.raises(InvalidToken):
        api.tasks.heartbeat("x")


# Functions, artifacts, health


def test_functions_are_listed_and_invoked(house: Stage, api: ApiContext):
    assert {"step1", "step2"} <= {one.name for one in api.functions.list()}
    assert api.functions.openapi()["openapi"].startswith("3.")
    with pytest.raises(NotFound):
        api.functions.invoke("nobody", {})


class Waiting:
    """An invoker whose invocations all wait until they are let go, and say when they have begun."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.limits: list[float | None] = []

    def run(self, invocation: Invocation) -> Outcome:
        self.limits.append(invocation.timeout_seconds)
        self.begun.release()
        assert self.go.wait(60)
        return Outcome(error="States.Timeout")


def test_invocations_leave_threads_of_the_web_process_to_others():
    invoker = Waiting()
    room = FunctionRoom(Catalog.load(), Functions({}, Path()), invoker)  # type: ignore[arg-type]
    with ThreadPoolExecutor(INVOCATIONS) as pool:
        running = [pool.submit(room.invoke, "step1", {}) for _ in range(INVOCATIONS)]
        for _ in running:
            assert invoker.begun.acquire(timeout=60)
        with pytest.raises(TooManyRequests) as refusal:
            room.invoke("step1", {})
        invoker.go.set()
    assert refusal.value.headers == {"retry-after": "1"}
    assert [one.result()["error"] for one in running] == ["States.Timeout"] * INVOCATIONS
    assert room.invoke("step1", {})["error"] == "States.Timeout"
    assert set(invoker.limits) == {30.0}


def test_fewer_invocations_run_than_a_web_process_has_threads():
    assert INVOCATIONS <= runpy.run_path(str(ROOT / "gunicorn.conf.py"))["threads"] // 2


def test_an_artifact_is_read_and_nothing_beside_it(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "kept" / "link").symlink_to(tmp_path / "secret.txt")
    room = ArtifactRoom(tmp_path / "kept", 4)
    assert room.read("a.pdf") == (b"%PDF", "application/pdf")
    for key in ("b.pdf", "", ".", "../secret.txt", str(tmp_path / "secret.txt"), "link", "a\0b", "x" * 5000):
        with pytest.raises(NotFound):
            room.read(key)


def test_an_artifact_that_is_too_large_to_be_held_is_refused_unread(tmp_path: Path):
    with (tmp_path / "a.bin").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(PayloadTooLarge, match="has 1099511627776 bytes; more than 5 are not served"):
        ArtifactRoom(tmp_path, 5).read("a.bin")


def test_ready_means_that_the_tables_are_there(database_url: str):
    connect(database_url)
    with pytest.raises(Unavailable, match=r"db\.migrate"):
        HealthRoom(lambda: 0, dict).ready()
    database.close_all()


def test_without_its_queue_the_house_is_ready_and_says_so(house: Stage):
    assert HealthRoom(lambda: 3, dict).ready() == {"database": "ok", "queue": "ok"}
    assert HealthRoom(lambda: None, dict).ready() == {"database": "ok", "queue": "away"}


def test_what_went_wrong_and_was_made_up_for_is_told(house: Stage, api: ApiContext):
    assert api.health.ready() == {"database": "ok", "queue": "ok", "lostRings": 0, "fencedResults": 0}
    claim = house.claim(house.start(steps("step1")))
    house.executions.cancel(claim.execution_id)
    house.executions.fail(claim, "E", None, "")
    house.runtime.queue.counters["lost_messages"] += 2
    assert api.health.ready() == {"database": "ok", "queue": "ok", "lostRings": 2, "fencedResults": 1}
