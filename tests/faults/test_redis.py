"""Redis emptied, killed, frozen, stopped: a start is answered at once all the same, and the work goes on."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pytest
import redis as client
from redis.exceptions import RedisError

from tests.faults.client import Load
from tests.faults.conftest import Measured
from tests.faults.own_redis import empty, redis, redis_url
from tests.faults.stack import Stack
from tests.runtime.stage import steps
from tests.services import Redis, until

__all__ = ["redis", "redis_url"]

STARTS = 50
START_SECONDS = 1.0
SLOW_MACHINE = 10.0
BACK_SECONDS = 10.0
OUTAGE_SECONDS = 20.0


def nothing(redis: Redis) -> None:
    """Nothing to repair."""


@dataclass(frozen=True)
class Hurt:
    act: Callable[[Redis], None]
    mend: Callable[[Redis], None]
    seconds: float = 0.0
    """The shortest length of the outage."""


HURTS = {
    "emptied": Hurt(empty, nothing),
    "killed": Hurt(Redis.kill, Redis.start),
    "frozen": Hurt(Redis.pause, Redis.resume),
    "gone for 20 s": Hurt(Redis.stop, Redis.start, OUTAGE_SECONDS),
}


def listeners(redis: Redis) -> int:
    """The number of connections waiting for a message."""
    with suppress(RedisError), client.Redis.from_url(redis.url, socket_timeout=1) as connection:
        return sum(one["cmd"] == "brpop" for one in connection.client_list())
    return 0


def completed(stack: Stack, executions: list[str]) -> int:
    return sum(stack.stage.status(one) == "COMPLETED" for one in executions)


@pytest.mark.parametrize("name", HURTS)
def test_starts_are_answered_and_work_goes_on(stack: Stack, redis: Redis, measured: Measured, name: str):
    hurt = HURTS[name]
    web = stack.web()
    for number in (1, 2):
        stack.worker(f"worker-{number}")
    stack.stage.workflows.create("w", steps("works", "works"))
    until(lambda: listeners(redis) == 8, f"both workers listen; {stack.said()}")
    with Load([partial(web.ask, "POST", "/workflows/w/execute")] * 4) as load:
        until(lambda: len(load.started()) >= 20, "starts are answered before")
        hurt.act(redis)
        began, before = time.monotonic(), len(load.answers)
        until(lambda: len(load.answers) >= before + STARTS, f"starts are answered; {stack.said()}")
        meanwhile = load.started()[before : before + STARTS]
        until(lambda: completed(stack, meanwhile) > STARTS // 5, f"work goes on; {stack.said()}")
        until(lambda: time.monotonic() - began > hurt.seconds, f"Redis was away for {hurt.seconds} s")
    done = stack.count("COMPLETED")
    hurt.mend(redis)
    back = time.monotonic()
    until(lambda: listeners(redis) == 8, f"both workers listen again; {stack.said()}")
    measured("seconds until both workers listen again", time.monotonic() - back)
    stack.drains(len(load.answers), BACK_SECONDS)
    measured("seconds until nothing is left to do", time.monotonic() - back)
    took = [answer.seconds for answer in load.answers]
    measured(f"slowest of {len(load.answers)} starts, in seconds", max(took))
    measured("completed before Redis was back", f"{done} of {len(load.answers)}")
    assert load.statuses() == {201}
    assert statistics.median(took) < START_SECONDS and max(took) < START_SECONDS + SLOW_MACHINE
    assert stack.losses() == 0 and stack.outcomes() == {"COMPLETED": 2 * len(load.answers)}
