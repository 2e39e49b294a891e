"""A long queue of which Redis forgets every message: it is worked off all the same.

How long it takes is measured by ``python -m benchmarks.forgotten``.
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
