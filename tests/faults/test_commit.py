"""The connection breaks right after a COMMIT: its outcome is unknown, so the process reads it back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.proxy import COMMIT, Proxy, executes
from tests.faults.stack import Member, Stack
from tests.runtime.stage import machine, parallel, steps, task
from tests.services import until

BREAKS = 6
ASL = {"data": {}, "step": {"idempotencyKey.$": "States.Format('{}/{}', $$.Execution.Name, $$.State.Name)"}}


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    with Proxy(postgres_url) as proxy:
        yield proxy


def all_is_done_once(stack: Stack, worker: Member, executions: list[str], tasks: int) -> None:
    """Check that no lease ran out, no handler ran again, and no result was dropped as late."""
    stack.all_end(len(executions))
    assert "dropped a late result" not in worker.said()
    assert stack.losses() == 0 and stack.outcomes() == {"COMPLETED": tasks * len(executions)}
    assert set(stack.noted("ended").values()) == {1} and len(stack.noted("ended")) == tasks * len(executions)
    for identity in executions:
        assert stack.stage.history(identity).count("ExecutionSucceeded") == 1


@pytest.mark.parametrize("statement", ["claim", "finish"])
def test_a_statement_that_was_done_unheard_is_not_done_again(stack: Stack, proxy: Proxy, statement: str):
    proxy.break_at([executes(statement)] * BREAKS)
    worker = stack.worker(DATABASE_URL=proxy.url)
    executions = [stack.start("works", "works", "works") for _ in range(20)]
    all_is_done_once(stack, worker, executions, tasks=3)
    assert proxy.left == 0


def test_a_transaction_that_was_committed_unheard_is_not_repeated(stack: Stack, proxy: Proxy):
    proxy.break_at([COMMIT] * BREAKS)
    worker = stack.worker(DATABASE_URL=proxy.url)
    branches = [machine(**{name: task("works", Parameters=ASL)}) for name in ("One", "Two", "Three")]
    executions = [stack.stage.start(machine(Fan=parallel(*branches)), workflow="fan") for _ in range(10)]
    all_is_done_once(stack, worker, executions, tasks=3)
    assert proxy.left == 0


def test_a_start_that_was_done_unheard_is_answered_by_what_it_started(stack: Stack, proxy: Proxy):
    web = stack.web(DATABASE_URL=proxy.url)
    stack.stage.workflows.create("w", steps("works"))
    assert web.ask("POST", "/workflows/w/execute").status == 201
    proxy.break_at([executes("start")] * BREAKS)
    answers = [web.ask("POST", "/workflows/w/execute", {}) for _ in range(BREAKS * 2)]
    until(lambda: proxy.left == 0, "all breaks were made")
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["executionId"] for answer in answers}) == len(answers)
    assert stack.count("IN_PROGRESS") == 1 + len(answers)
