"""Queues for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stepwell.db.values import QueuedTask
from stepwell.runtime.tasks.queue_storage import MemoryQueue, RedisQueue, open_storage
from tests.services import Redis


def nothing_waits(older_ms: int) -> list[QueuedTask]:
    return []


@pytest.fixture(params=["memory", "redis"])
def storage(request: pytest.FixtureRequest) -> Iterator[RedisQueue | MemoryQueue]:
    """Each kind of queue in turn, with an empty database behind it."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    made = open_storage(url, nothing_waits)
    yield made
    made.close()


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis of this test's own, which the test may kill or freeze."""
    with Redis() as server:
        yield server
