"""Fixtures for a test file that hurts Redis: a Redis of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as client

from tests.services import Redis


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis() as server:
        yield server


@pytest.fixture
def redis_url(redis: Redis) -> str:
    return redis.url


def empty(redis: Redis) -> None:
    with client.Redis.from_url(redis.url) as connection:
        connection.flushall()
