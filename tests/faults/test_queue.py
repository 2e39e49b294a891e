"""A long queue of which Redis forgets every message: it is worked off all the same, and hardly slower."""

from __future__ import annotations

import time

import redis

from db.database import database
from db.models import Task
from tests.faults.conftest import Measured
from tests.faults.crowd import multiply
from tests.faults.stack import Stack
from tests.services import until

QUEUED = 10_000
MUCH_SLOWER = 1.5


def fill(stack: Stack, numbers: range) -> None:
    """Queue an execution of one step once a number, and ring for each of them."""
    first = stack.start("step1")
    multiply(first, numbers)
    with database.connection_context():
        queued = [str(task.id) for task in Task.select(Task.id).where(Task.status == "QUEUED")]
    assert len(queued) == len(numbers) + 1
    stack.stage.rung()
    stack.stage.executions.bell.ring(queued)
    assert stack.stage.bell.depth() == len(queued)


def drain(stack: Stack) -> float:
    """How long two workers take until nothing is queued or runs."""
    began = time.monotonic()
    workers = [stack.worker(f"worker-{number}") for number in (1, 2)]
    until(lambda: stack.count("IN_PROGRESS") == 0, f"all is done; {stack.said()}", seconds=300)
    took = time.monotonic() - began
    for worker in workers:
        worker.stop()
    return took


def test_ten_thousand_tasks_survive_an_emptied_redis(stack: Stack, redis_url: str, measured: Measured):
    fill(stack, range(1, QUEUED))
    rung = drain(stack)
    fill(stack, range(QUEUED + 1, 2 * QUEUED))
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    forgotten = drain(stack)
    measured(f"seconds for {QUEUED:,} tasks, their messages there", rung)
    measured(f"seconds for {QUEUED:,} tasks, their messages lost", forgotten)
    measured("ratio", forgotten / rung)
    stack.all_end(2 * QUEUED)
    assert stack.losses() == 0 and stack.outcomes() == {"COMPLETED": 2 * QUEUED}
    assert forgotten / rung < MUCH_SLOWER
