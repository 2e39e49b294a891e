"""Redis loses every message of a long queue: the workers finish its tasks all the same.

``python -m benchmarks.forgotten`` measures the time.
"""

from __future__ import annotations

import redis

from tests.faults.crowd import drain, queue
from tests.faults.stack import Stack

QUEUED = 10_000


def test_ten_thousand_tasks_survive_an_emptied_redis(stack: Stack, redis_url: str):
    queue(stack, QUEUED)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    drain(stack, QUEUED)
    assert stack.losses() == 0 and stack.outcomes() == {"COMPLETED": QUEUED}
