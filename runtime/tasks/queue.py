"""The bell: how a worker learns that a task is waiting. A message is a task's id, as JSON, and nothing else.

Redis in production, a queue inside the process in the emulator; both are Huey storages. Ringing may be lost, doubled
or forged and costs time at most, for the database is the truth: when the queue is empty or away, ``dequeue()`` asks the
database for a task that waits.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from huey.registry import Message
from huey.storage import MemoryStorage, RedisStorage
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.ids import is_id
from stepwell.runtime.outage import AWAY, is_away

log = logging.getLogger("stepwell.bell")

QUEUE = "stepwell"
JOB = "runtime.worker.run"
"""The name of the job in Huey's registry. No message carries it: it names a task's id and nothing else."""
POP_SECONDS = 1
PUSH_TIMEOUT = 0.5
AWAY_PAUSE = 0.25
QUIET_SECONDS = 1.0
LOOK_SECONDS = 1.0
"""How often a process asks the database while the queue is empty, and how long a task has waited that it finds."""
REFILL = 32
"""How many tasks a process takes from the database at a time, when the queue does not tell."""

Waiting = Callable[[int], Sequence[str]]
"""Tells which tasks have been waiting for at least so many milliseconds."""


def encode(task_id: str) -> bytes:
    """The message that rings for a task."""
    return json.dumps({"task": task_id}).encode()


class MessageSerializer:
    """Huey's messages as JSON. Never pickle: whoever can write to Redis must not own the workers."""

    def serialize(self, message: Message) -> bytes:
        return encode(message.args[0])

    def deserialize(self, data: bytes) -> Message:
        """The call that a message stands for. Raises ValueError for anything that is not exactly a task's id."""
        body = jsontext.read(data)
        if not isinstance(body, dict) or set(body) != {"task"} or not isinstance(body["task"], str):
            raise ValueError("a message holds a task's id and nothing else")
        if not is_id(body["task"]):
            raise ValueError("a message's task is a UUID")
        return Message(body["task"], JOB, args=(body["task"],), kwargs={}, retries=0, retry_delay=0)


class Bell:
    """Rings through a Huey storage. Never raises: a failure is counted, and the sweep makes up for it."""

    def __init__(self, storage: RedisBell | MemoryBell) -> None:
        self._storage = storage
        self._quiet_until = 0.0
        self.counters: Counter[str] = Counter()
        self.wake_timers: Callable[[], None] = _nobody
        self.drop_cancelled: Callable[[], None] = _nobody

    def ring(self, task_ids: Sequence[str]) -> None:
        """Tell the workers that these tasks wait. After a failure it keeps quiet for a while: nobody waits twice."""
        self._ring(self._storage.push, task_ids)

    def ring_first(self, task_ids: Sequence[str]) -> None:
        """The same, before everything that the queue holds."""
        self._ring(self._storage.push_first, task_ids)

    def _ring(self, push: Callable[[list[bytes]], None], task_ids: Sequence[str]) -> None:
        if not task_ids:
            return
        if time.monotonic() < self._quiet_until:
            self.counters["lost_rings"] += len(task_ids)
            return
        reach("ring.before")
        try:
            push([encode(task_id) for task_id in task_ids])
        except (RedisError, OSError) as fault:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            self.counters["lost_rings"] += len(task_ids)
            log.warning(
                "could not ring for %s task(s), and keep quiet for %s s: %s", len(task_ids), QUIET_SECONDS, fault
            )
        reach("ring.after")


class Found:
    """Tasks that the database knows to wait: looked up some at a time, handed out one by one.

    Which ones is chance, so that the idle workers of many processes do not all reach for the same; what somebody else
    has claimed meanwhile costs one look.
    """

    def __init__(self, waiting: Waiting) -> None:
        self.waiting = waiting
        self._found: deque[bytes] = deque()
        self._looking = threading.Lock()
        self._next_look = 0.0

    def pop(self) -> bytes | None:
        """A task found before and not handed out yet."""
        try:
            return self._found.popleft()
        except IndexError:
            return None

    def look(self, older_ms: int) -> bytes | None:
        """A task that has been waiting for at least so long; None when there is none, or the database is away too."""
        with self._looking:
            return self.pop() or self._look(older_ms)

    def look_in_turn(self) -> bytes | None:
        """The same, but for the whole process it asks once in LOOK_SECONDS: more often only while there is more."""
        with self._looking:
            if found := self.pop():
                return found
            return self._look(round(LOOK_SECONDS * 1000)) if time.monotonic() >= self._next_look else None

    def _look(self, older_ms: int) -> bytes | None:
        self._next_look = time.monotonic() + LOOK_SECONDS
        try:
            found = list(self.waiting(older_ms))
        except AWAY as fault:
            if not is_away(fault):
                raise
            log.warning("neither the queue nor the database says what waits (%s)", type(fault).__name__)
            time.sleep(AWAY_PAUSE)
            return None
        if len(found) > REFILL:
            self._next_look = 0.0
        random.shuffle(found)
        self._found.extend(encode(task_id) for task_id in found[:REFILL])
        return self.pop()


class RedisBell(RedisStorage):
    """A Redis list, with the database behind it."""

    def __init__(self, name: str, url: str, waiting: Waiting, **kwargs: Any) -> None:
        once = {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": PUSH_TIMEOUT}
        pool = ConnectionPool.from_url(url, socket_timeout=POP_SECONDS + 1, **once)
        super().__init__(name, read_timeout=POP_SECONDS, connection_pool=pool, **kwargs)
        self._push = Redis.from_url(url, socket_timeout=PUSH_TIMEOUT, **once)
        self.found = Found(waiting)

    def push(self, messages: list[bytes]) -> None:
        """Put many messages at the end of the list in one command."""
        self._push.lpush(self.queue_key, *messages)

    def push_first(self, messages: list[bytes]) -> None:
        """Put many messages before all others in one command."""
        self._push.rpush(self.queue_key, *reversed(messages))

    def enqueue(self, data: bytes, priority: int | None = None) -> None:
        self.push([data])

    def dequeue(self) -> bytes | None:
        """The next message, or one made from the database; None when nothing waits."""
        if found := self.found.pop():
            return found
        try:
            if (message := self.conn.rpop(self.queue_key)) is not None:
                return message
            if found := self.found.look_in_turn():
                return found
            popped = self.conn.brpop(self.queue_key, timeout=self.read_timeout)
        except (RedisError, OSError):
            return self.found.look(0) or _pause()
        return popped[1] if popped else None

    def head(self) -> str | None:
        """The task that the next message names, empty when there is no message; None when that cannot be told."""
        try:
            message = self._push.lindex(self.queue_key, -1)
        except (RedisError, OSError):
            return None
        return "" if message is None else _named(message)

    def depth(self) -> int | None:
        """How many messages wait; None when Redis cannot be asked."""
        try:
            return int(self._push.llen(self.queue_key))
        except (RedisError, OSError):
            return None

    def close(self) -> None:
        self._push.close()
        self.pool.disconnect()


class MemoryBell(MemoryStorage):
    """A queue in this process whose pop blocks, with the database behind it."""

    blocking = True

    def __init__(self, name: str, waiting: Waiting, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._messages: deque[bytes] = deque()
        self._arrived = threading.Condition()
        self.found = Found(waiting)

    def push(self, messages: list[bytes]) -> None:
        """Put many messages at the end of the queue."""
        with self._arrived:
            self._messages.extend(messages)
            self._arrived.notify(len(messages))

    def push_first(self, messages: list[bytes]) -> None:
        """Put many messages before all others."""
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

    def _next(self, seconds: float) -> bytes | None:
        with self._arrived:
            self._arrived.wait_for(lambda: bool(self._messages), seconds)
            return self._messages.popleft() if self._messages else None

    def head(self) -> str | None:
        """The task that the next message names, empty when there is no message; None when that cannot be told."""
        with self._arrived:
            return _named(self._messages[0]) if self._messages else ""

    def depth(self) -> int:
        """How many messages wait."""
        return len(self._messages)

    def close(self) -> None:
        with self._arrived:
            self._messages.clear()


def open_bell(redis_url: str | None, waiting: Waiting) -> RedisBell | MemoryBell:
    """The queue of this process: in Redis when there is one, else inside the process."""
    return RedisBell(QUEUE, redis_url, waiting) if redis_url else MemoryBell(QUEUE, waiting)


def _named(message: bytes) -> str | None:
    """The task that a message names; None when it is none of ours."""
    with suppress(ValueError):
        return str(MessageSerializer().deserialize(message).args[0])
    return None


def _pause() -> None:
    time.sleep(AWAY_PAUSE)


def _nobody() -> None:
    """Nobody listens in this process."""
