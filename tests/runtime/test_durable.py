"""A long wait is only a few rows: another runtime on the same database can continue it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from stepwell.db.database import database
from stepwell.db.models import TABLES, Timer
from stepwell.runtime.moves import polled_tasks
from stepwell.runtime.moves.guards import TaskAnswer
from stepwell.runtime.moves.start import Wanted
from tests.runtime.stage import WITH_TOKEN, Stage, machine, returns, staged, task

ASK = "arn:aws:states:eu-west-1:000000000000:activity:ask"
CALL = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
YEAR = 365 * 24 * 3600

NewRuntime = Callable[[], AbstractContextManager[Stage]]


@pytest.fixture
def begun(empty_url: str, tmp_path: Path) -> NewRuntime:
    """Starts a new runtime on the test's database. It shares no memory with an earlier one."""

    @contextmanager
    def anew() -> Iterator[Stage]:
        with staged(empty_url, tmp_path / "home") as stage:
            yield stage

    return anew


def rows() -> dict[str, int]:
    with database.connection_context():
        return {table.__name__: table.select().count() for table in TABLES}


def test_a_wait_of_a_year_costs_one_row(begun: NewRuntime):
    waiting = machine(w={"Type": "Wait", "Seconds": YEAR})
    with begun() as stage:
        stage.workflows.create("play", waiting)
        stage.executions.start(stage.workflows.latest("play"), Wanted({}))
        before = rows()
        identity = stage.executions.start(stage.workflows.latest("play"), Wanted({})).id
        more = {name: count - before[name] for name, count in rows().items() if count != before[name]}
        assert more == {"Execution": 1, "History": 2, "Timer": 1}
        with database.connection_context():
            due = Timer.get(Timer.execution_id == identity).due_at - stage.execution(identity).created_at
        assert abs(due - YEAR * 1000) < 60_000
    with begun() as stage:
        stage.tasks.sweep()
        assert stage.status(identity) == "IN_PROGRESS"
        assert stage.fire_timers() == 2
        assert stage.status(identity) == "COMPLETED" and stage.left_open(identity) == []


def test_a_task_token_is_answered_in_another_runtime(begun: NewRuntime):
    with begun() as stage:
        identity = stage.start(machine(a=task(WITH_TOKEN, Parameters=CALL)))
        stage.run()
        (token,) = [event["token"] for _, event in stage.script.events]
        assert [row.status for row in stage.rows(identity)] == ["IN_PROGRESS"]
    with begun() as stage:
        stage.tasks.sweep()
        stage.run()
        assert stage.script.events == [], "nobody asks again for what waits for its answer"
        stage.executions.answer(token, TaskAnswer({"ok": True}))
        assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", {"ok": True})


def test_an_activitys_task_is_asked_for_and_answered_in_other_runtimes(begun: NewRuntime):
    with begun() as stage:
        stage.make_activity("ask")
        identity = stage.start(machine(a=task(ASK), b=task("step1")))
    with begun() as stage:
        stage.tasks.sweep()
        given = polled_tasks.poll("ask", "me")
        assert given is not None
    with begun() as stage:
        assert polled_tasks.poll("ask") is None
        stage.script.let("step1", returns("end"))
        stage.executions.answer(given.token, TaskAnswer({"y": 2}))
        stage.run()
        assert (stage.status(identity), stage.output(identity)) == ("COMPLETED", "end")
        assert stage.left_open(identity) == []
