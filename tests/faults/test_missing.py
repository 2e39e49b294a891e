"""A rolling deploy: a worker without a task's function leaves the task to a worker with it."""

from __future__ import annotations

from pathlib import Path

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.runtime.tasks.claims import MISSING_FOR_MS
from tests.faults.stack import Member, Stack
from tests.services import until


def old_worker(stack: Stack, tmp_path: Path) -> Member:
    """A worker without the functions of these tests."""
    (tmp_path / "old" / "steps").mkdir(parents=True)
    return stack.worker("old", FUNCTIONS_PATH=str(tmp_path / "old"))


def test_the_worker_that_has_the_function_runs_it(stack: Stack, tmp_path: Path):
    old = old_worker(stack, tmp_path)
    waiting = [stack.start("works", "step1") for _ in range(5)]
    for identity in waiting:
        old.says(f"task {stack.stage.task(identity).id} needs the function 'works', which this worker does not have")
    stack.worker("new")
    both = [*waiting, *(stack.start("works", "step1") for _ in range(5))]
    stack.all_end(len(both))
    assert stack.losses() == 0 and stack.outcomes() == {"COMPLETED": 2 * len(both)}


def test_a_task_that_no_worker_can_run_fails_after_five_minutes(stack: Stack, tmp_path: Path):
    old = old_worker(stack, tmp_path)
    identity = stack.start("works")
    task = stack.stage.task(identity)
    old.says(f"task {task.id} needs")
    until(lambda: stack.stage.task(identity).missing_since is not None, "since when is written down")
    with database.connection_context():
        long_ago = queries.now() - MISSING_FOR_MS - 1000
    stack.stage.set(task, missing_since=long_ago)
    stack.ends(identity, "FAILED")
    row = stack.stage.execution(identity)
    assert row.error == "States.TaskFailed" and row.cause == "FunctionMissing: no worker has the function 'works'"
    assert stack.losses() == 0
