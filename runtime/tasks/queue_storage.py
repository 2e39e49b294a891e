"""Where the queue's messages lie: a Redis list in production, this process's memory in the emulator.

Both are Huey storages with the database behind them: when a queue is empty or cannot be reached, ``dequeue()`` reads
a waiting task from the database.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from huey.storage import MemoryStorage, RedisStorage
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from stepwell.runtime.outage import OUTAGE_ERRORS, is_outage
from stepwell.runtime.tasks.queue import decode, encode

log = logging.getLogger("stepwell.queue")

QUEUE = "stepwell"
"""The queue's name for Huey, and part of its key in Redis."""
POP_SECONDS = 1
"""How long ``dequeue()`` waits for a message."""
PUSH_TIMEOUT = 0.5
"""Seconds that a push, or a look at the queue, may take."""
OUTAGE_PAUSE = 0.25
"""Seconds between looks while neither the queue nor the database can be reached."""
LOOK_SECONDS = 1.0
"""How often a process reads the database while the queue is empty, and how long the tasks it finds have waited."""
REFILL = 32
"""How many tasks a process takes from the database at a time."""

Waiting = Callable[[int], Sequence[str]]
"""Returns the ids of the tasks that have waited for at least this many milliseconds."""


class FoundTasks:
    """Tasks that wait according to the database: looked up in batches, handed out one by one.

    The batch is a random choice, so that the idle workers of many processes do not all reach for the same tasks. A task
    that another worker has claimed meanwhile costs one claim that fails.
    """

    def __init__(self, waiting: Waiting) -> None:
        self.waiting = waiting
        self._found: deque[bytes] = deque()
        self._looking = threading.Lock()
        self._next_look = 0.0

    def pop(self) -> bytes | None:
        """The message of a task that an earlier look found; None when all of them are handed out."""
        try:
            return self._found.popleft()
        except IndexError:
            return None

    def look(self, older_ms: int) -> bytes | None:
        """A task that has waited for ``older_ms`` or more; None when there is none, or in an outage of the database."""
        with self._looking:
            return self.pop() or self._look(older_ms)

    def look_in_turn(self) -> bytes | None:
        """A task that has waited for LOOK_SECONDS.

        The whole process reads the database at most once in LOOK_SECONDS, and at once when the last answer was cut off.
        """
        with self._looking:
            if found := self.pop():
                return found
            return self._look(round(LOOK_SECONDS * 1000)) if time.monotonic() >= self._next_look else None

    def _look(self, older_ms: int) -> bytes | None:
        self._next_look = time.monotonic() + LOOK_SECONDS
        try:
            found = list(self.waiting(older_ms))
        except OUTAGE_ERRORS as fault:
            if not is_outage(fault):
                raise
            log.warning("neither the queue nor the database says what waits (%s)", type(fault).__name__)
            time.sleep(OUTAGE_PAUSE)
            return None
        # More tasks wait than one batch holds: the next look need not wait.
        if len(found) > REFILL:
            self._next_look = 0.0
        random.shuffle(found)
        self._found.extend(encode(task_id) for task_id in found[:REFILL])
        return self.pop()


class RedisQueue(RedisStorage):
    """A Redis list. New messages enter at its left end, workers pop from its right end."""

    def __init__(self, name: str, url: str, waiting: Waiting, **kwargs: Any) -> None:
        # No retries: a push that timed out may have been applied, and a caller must not wait twice.
        once: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": PUSH_TIMEOUT}
        pool = ConnectionPool.from_url(url, socket_timeout=POP_SECONDS + 1, **once)
        super().__init__(name, read_timeout=POP_SECONDS, connection_pool=pool, **kwargs)
        # A client of its own: a push must fail sooner than a pop, which may block for POP_SECONDS.
        self._push = Redis.from_url(url, socket_timeout=PUSH_TIMEOUT, **once)
        self.found = FoundTasks(waiting)

    def push(self, messages: list[bytes]) -> None:
        """Put the messages at the end of the queue in one command. Raises RedisError, OSError."""
        self._push.lpush(self.queue_key, *messages)

    def push_first(self, messages: list[bytes]) -> None:
        """Put the messages before all others in one command. Raises RedisError, OSError."""
        self._push.rpush(self.queue_key, *reversed(messages))

    def enqueue(self, data: bytes, priority: int | None = None) -> None:
        self.push([data])

    def dequeue(self) -> bytes | None:
        """The next message, or one made from the database; None when nothing waits."""
        if found := self.found.pop():
            return found
        try:
            # RPOP first: BRPOP alone would wait for its whole time-out before the database is looked at.
            if (message := self.conn.rpop(self.queue_key)) is not None:
                return bytes(message)
            if found := self.found.look_in_turn():
                return found
            popped = self.conn.brpop(self.queue_key, timeout=self.read_timeout)
        except (RedisError, OSError):
            return self._look_elsewhere()
        return bytes(popped[1]) if popped else None

    def head(self) -> str | None:
        """The task id in the next message, empty when there is no message; None when Redis or the message is bad."""
        try:
            message: Any = self._push.lindex(self.queue_key, -1)
        except (RedisError, OSError):
            return None
        return "" if message is None else decode(message)

    def depth(self) -> int | None:
        """The number of messages in the queue; None when Redis cannot be reached."""
        try:
            return int(self._push.llen(self.queue_key))
        except (RedisError, OSError):
            return None

    def close(self) -> None:
        self._push.close()
        self.pool.disconnect()

    def _look_elsewhere(self) -> bytes | None:
        found = self.found.look(0)
        if found is None:
            time.sleep(OUTAGE_PAUSE)
        return found


class MemoryQueue(MemoryStorage):
    """A queue in this process. Its pop blocks until a message comes."""

    blocking = True

    def __init__(self, name: str, waiting: Waiting, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._messages: deque[bytes] = deque()
        self._arrived = threading.Condition()
        self.found = FoundTasks(waiting)

    def push(self, messages: list[bytes]) -> None:
        """Put the messages at the end of the queue."""
        with self._arrived:
            self._messages.extend(messages)
            self._arrived.notify(len(messages))

    def push_first(self, messages: list[bytes]) -> None:
        """Put the messages before all others."""
        with self._arrived:
            self._messages.extendleft(reversed(messages))
            self._arrived.notify(len(messages))

    def enqueue(self, data: bytes, priority: int | None = None) -> None:
        self.push([data])

    def dequeue(self) -> bytes | None:
        """The next message, or one made from the database; None when nothing waits."""
        if found := self.found.pop():
            return found
        if (message := self._next(0)) is not None:
            return message
        return self.found.look_in_turn() or self._next(POP_SECONDS)

    def head(self) -> str | None:
        """The task id in the next message, empty when there is no message; None when the message is bad."""
        with self._arrived:
            return decode(self._messages[0]) if self._messages else ""

    def depth(self) -> int:
        """The number of messages in the queue."""
        return len(self._messages)

    def close(self) -> None:
        with self._arrived:
            self._messages.clear()

    def _next(self, seconds: float) -> bytes | None:
        with self._arrived:
            self._arrived.wait_for(lambda: bool(self._messages), seconds)
            return self._messages.popleft() if self._messages else None


def open_storage(redis_url: str | None, waiting: Waiting) -> RedisQueue | MemoryQueue:
    """The queue of this process: in Redis when there is a URL, else inside the process."""
    return RedisQueue(QUEUE, redis_url, waiting) if redis_url else MemoryQueue(QUEUE, waiting)
