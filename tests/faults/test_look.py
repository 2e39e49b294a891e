"""The queue lost its messages or is down, and no sweep notifies again: workers query the database themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.own_redis import empty, redis, redis_url
from tests.faults.stack import Stack, stack_on
from tests.services import Redis

__all__ = ["redis", "redis_url"]

NO_SWEEP = {"STEPWELL_SWEEP_SECONDS": "1000000"}
STARTS = 10


HURTS: dict[str, Callable[[Redis], None]] = {"emptied": empty, "killed": Redis.kill, "frozen": Redis.pause}


@pytest.mark.parametrize("how", HURTS)
def test_a_worker_finds_what_redis_does_not_tell(stack: Stack, redis: Redis, how: str):
    for _ in range(STARTS):
        stack.start("works", "works")
    assert stack.stage.queue.depth() == STARTS
    HURTS[how](redis)
    stack.worker(**NO_SWEEP)
    stack.all_end(STARTS)
    assert stack.outcomes() == {"COMPLETED": 2 * STARTS}


def test_an_emulator_finds_what_nobody_has_notified_of(tmp_path: Path):
    with stack_on(f"sqlite:///{tmp_path / 'stepwell.db'}", None, tmp_path, forked=True) as laptop:
        laptop.emulator(**NO_SWEEP)
        for _ in range(STARTS):
            laptop.start("works", "works")
        laptop.all_end(STARTS)
        assert laptop.outcomes() == {"COMPLETED": 2 * STARTS}
