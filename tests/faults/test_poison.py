"""A task that kills its worker, and a handler that kills its own process: the cost for each task beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.stack import HANDLERS, QUICK, Member, Stack
from tests.services import until

RETRY = {"maxAttempts": 2, "intervalSeconds": 0.05}


@pytest.mark.parametrize("how", ["exits", "leaves", "segfaults", "hangs", "kills its process group"])
def test_a_handler_that_takes_itself_down_costs_its_own_attempt(stack: Stack, how: str):
    worker = stack.worker()
    bystander = stack.start("works", data={"gate": "gate"}, retry=RETRY)
    stack.handler_of(bystander)
    identity = stack.start("misbehaves", data={"how": how}, retry=RETRY, timeoutSeconds=2)
    stack.ends(identity)
    stack.open("gate")
    stack.ends(bystander)
    kind = "TIMED_OUT" if how == "hangs" else "FAILED"
    assert stack.stage.attempts(identity) == [(1, 1, kind), (1, 2, "COMPLETED")]
    assert stack.stage.attempts(bystander) == [(1, 1, "COMPLETED")] and stack.losses() == 0
    assert worker.is_running()


def keep_running(worker: Member, stack: Stack, poisoned: str) -> bool:
    """Restart the worker if it has died. Returns True once the poisoned execution has ended."""
    if not worker.is_running():
        worker.ends()
        worker.start()
    return stack.stage.status(poisoned) != "IN_PROGRESS"


def healthy_worker(stack: Stack, tmp_path: Path) -> Member:
    """A worker without the function ``poison``."""
    shutil.copytree(HANDLERS, tmp_path / "healthy", ignore=shutil.ignore_patterns("poison.py", "__pycache__"))
    return stack.worker("healthy", FUNCTIONS_PATH=str(tmp_path / "healthy"), **QUICK)


def test_a_task_that_kills_its_workers_fails_after_three_losses(stack: Stack, tmp_path: Path):
    armed = stack.worker("armed", app="tests.faults.armed.huey", **QUICK)
    bystanders = [stack.start("works", "works", data={"gate": "gate"}, retry=RETRY) for _ in range(2)]
    for identity in bystanders:
        stack.handler_of(identity)
    poisoned = stack.start("poison", workflow="poisoned")
    until(lambda: not armed.is_running(), "the worker dies")
    healthy = healthy_worker(stack, tmp_path)
    stack.open("gate")
    for identity in bystanders:
        stack.ends(identity)
        assert stack.stage.attempts(identity) == [(1, 1, "LOST"), (1, 2, "COMPLETED"), (2, 1, "COMPLETED")]
        assert [(task.retries, task.losses) for task in stack.stage.rows(identity)] == [(0, 1), (0, 0)]
    healthy.stop()
    until(lambda: keep_running(armed, stack, poisoned), f"the poison is dealt with; {stack.said()}")
    row = stack.stage.execution(poisoned)
    assert (row.status, row.error) == ("FAILED", "States.TaskFailed") and row.cause.startswith("WorkerLost")
    assert stack.stage.attempts(poisoned) == [(1, attempt, "LOST") for attempt in (1, 2, 3)]


def test_what_runs_beside_a_poison_is_done_by_the_only_worker_there_is(stack: Stack):
    armed = stack.worker("armed", app="tests.faults.armed.huey", **QUICK)
    bystanders = [stack.start("works", data={"gate": "gate"}, retry=RETRY) for _ in range(3)]
    for identity in bystanders:
        stack.handler_of(identity)
    poisoned = stack.start("poison", workflow="poisoned")
    until(lambda: not armed.is_running(), "the worker dies")
    stack.open("gate")
    until(lambda: keep_running(armed, stack, poisoned), f"the poison is dealt with; {stack.said()}")
    for identity in bystanders:
        stack.ends(identity)
        assert [task.retries for task in stack.stage.rows(identity)] == [0]
    assert stack.stage.attempts(poisoned) == [(1, attempt, "LOST") for attempt in (1, 2, 3)]
