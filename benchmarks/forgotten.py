"""``python -m benchmarks.forgotten``: do tasks whose messages Redis has lost take longer than others?

Two genuine workers on PostgreSQL and Redis drain a queue twice in each round: once with all messages, once after
FLUSHALL. The order alternates. The result is the ratio of the two times within a round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.faults.crowd import drain, queue
from tests.faults.stack import Stack, stack_on
from tests.services import any_postgres, any_redis, fresh_database, fresh_redis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    with any_postgres() as server, any_redis() as redis:
        ratios = [one_round(server, redis, options.tasks, number) for number in range(options.rounds)]
    print(f"median ratio {statistics.median(ratios):.2f} of {', '.join(f'{ratio:.2f}' for ratio in sorted(ratios))}")


def one_round(server: str, redis: str, tasks: int, number: int) -> float:
    """The time without messages over the time with them. Every second round begins with the latter."""
    took = {}
    for is_forgotten in (number % 2 == 0, number % 2 == 1):
        with fresh_stack(server, redis) as (stack, redis_url):
            took[is_forgotten] = timed(stack, redis_url, tasks, is_forgotten)
    print(f"remembered {took[False]:.2f} s, forgotten {took[True]:.2f} s", flush=True)
    return took[True] / took[False]


def timed(stack: Stack, redis_url: str, tasks: int, is_forgotten: bool) -> float:
    """The seconds that two workers take for this many tasks, from the workers' start to the last task's end."""
    queue(stack, tasks)
    if is_forgotten:
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
    began = time.monotonic()
    drain(stack, tasks)
    return time.monotonic() - began


@contextmanager
def fresh_stack(server: str, redis: str) -> Iterator[tuple[Stack, str]]:
    """A stack on an empty database and an empty Redis, and the URL of the Redis."""
    with (
        fresh_database(server) as database_url,
        fresh_redis(redis) as redis_url,
        tempfile.TemporaryDirectory() as place,
        stack_on(database_url, redis_url, Path(place)) as stack,
    ):
        yield stack, redis_url


if __name__ == "__main__":
    main()
