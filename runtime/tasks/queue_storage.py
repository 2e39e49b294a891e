"""Where the queue's messages lie: in Redis in production, in this process's memory in the emulator.

Each workflow has a queue of its own, and those with messages are served in turn, one message each: however many tasks
of one workflow wait, a task of another is taken soon. Both are Huey storages with the database behind them: when a
queue is empty or cannot be reached, ``dequeue()`` reads a waiting task from the database, and takes turns there, too.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from typing import Any

from huey.storage import MemoryStorage, RedisStorage
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from stepwell.db.values import QueuedTask
from stepwell.runtime.outage import OUTAGE_ERRORS, is_outage
from stepwell.runtime.tasks import queue_scripts as scripts
from stepwell.runtime.tasks.queue import QueuedMessage, decode, encode

log = logging.getLogger("stepwell.queue")

QUEUE = "stepwell"
"""The queue's name for Huey, and part of its keys in Redis."""
POP_SECONDS = 1
"""How long ``dequeue()`` waits for a message."""
PUSH_TIMEOUT = 0.5
"""Seconds that a push, or a look at the queue, may take."""
OUTAGE_PAUSE = 0.25
"""Seconds between looks while neither the queue nor the database can be reached."""
LOOK_SECONDS = 1.0
"""How often a process reads the database while the queue is empty, and how long the tasks it finds have waited."""
REFILL = 8
"""How many tasks a process takes from the database at a time. A task that begins to wait meanwhile comes after them."""
HEADS = 1_000
"""Of how many workflows the next message is looked at."""

Waiting = Callable[[int], Sequence[QueuedTask]]
"""Returns some tasks that have waited for at least this many milliseconds, of several workflows if several wait."""


class FoundTasks:
    """Tasks that wait according to the database: looked up in batches, handed out one by one.

    A batch takes the workflows in turn. Of each it takes a random choice, so that the idle workers of many processes do
    not all reach for the same tasks. A task that another worker has claimed meanwhile costs one claim that fails.
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
        if len(found) >= REFILL:
            self._next_look = 0.0
        self._found.extend(encode(task.id) for task in islice(in_turn(found), REFILL))
        return self.pop()


def in_turn(tasks: Sequence[QueuedTask]) -> list[QueuedTask]:
    """The tasks in random order, but of each workflow one before any has a second."""
    of: dict[str, list[QueuedTask]] = {}
    for task in random.sample(tasks, len(tasks)):
        of.setdefault(task.workflow_id, []).append(task)
    return [task for task in chain.from_iterable(zip_longest(*of.values())) if task is not None]


def _flat(messages: Iterable[QueuedMessage]) -> Iterator[str | bytes]:
    for one in messages:
        yield one.workflow_id
        yield one.content


class RedisQueue(RedisStorage):
    """A Redis list a workflow, and the workflows that have one in the order of their turns (``queue_scripts``)."""

    def __init__(self, name: str, url: str, waiting: Waiting, **kwargs: Any) -> None:
        # No retries: a push that timed out may have been applied, and a caller must not wait twice.
        once: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": PUSH_TIMEOUT}
        pool = ConnectionPool.from_url(url, socket_timeout=POP_SECONDS + 1, **once)
        super().__init__(name, read_timeout=POP_SECONDS, connection_pool=pool, **kwargs)
        # A client of its own: a push must fail sooner than a pop, which may block for POP_SECONDS.
        self._push = Redis.from_url(url, socket_timeout=PUSH_TIMEOUT, **once)
        self.keys = scripts.keys_of(self.queue_key)
        self._pushed = self._push.register_script(scripts.PUSH)
        self._heads = self._push.register_script(scripts.HEADS)
        self._depth = self._push.register_script(scripts.DEPTH)
        self._taken = self.conn.register_script(scripts.TAKE)
        self._filled = self.conn.register_script(scripts.FILL)
        self._is_databases_turn = False
        self._away_until = 0.0
        self.found = FoundTasks(waiting)

    def push(self, messages: Sequence[QueuedMessage]) -> None:
        """Put the messages at the end of their workflows' queues in one command. Raises RedisError, OSError."""
        self._pushed(self.keys, ["last", *_flat(messages)])

    def push_first(self, messages: Sequence[QueuedMessage]) -> None:
        """Put the messages before all others of their workflows in one command. Raises RedisError, OSError."""
        self._pushed(self.keys, ["first", *_flat(reversed(messages))])

    def enqueue(self, data: bytes, priority: int | None = None) -> None:
        self.push([QueuedMessage("", data)])

    def dequeue(self) -> bytes | None:
        """The next message, or one made from the database; None when nothing waits."""
        if time.monotonic() < self._away_until:
            return self._look_elsewhere()
        # Tasks that the database has shown take turns with those that have messages.
        self._is_databases_turn = not self._is_databases_turn
        if self._is_databases_turn and (found := self.found.pop()):
            return found
        try:
            # Without waiting first: BRPOP alone would wait for its time-out before the database is looked at.
            if (message := self._taken(self.keys)) is not None:
                return bytes(message)
            if found := self.found.look_in_turn():
                return found
            popped = self.conn.brpop(self.keys[:2], timeout=self.read_timeout)
            if popped and popped[0].decode() == self.keys[1]:
                # More may wait than this one message, and other workers wait as this one did.
                self._filled(self.keys)
        except (RedisError, OSError):
            # A Redis that does not answer costs a time-out: not for each of the tasks that the database knows.
            self._away_until = time.monotonic() + LOOK_SECONDS
            return self._look_elsewhere()
        return bytes(popped[1]) if popped else None

    def heads(self) -> Mapping[str, str] | None:
        """The task id in the next message of each workflow, empty if it names none; None when Redis cannot be asked."""
        try:
            found: Any = self._heads(self.keys, (HEADS,))
        except (RedisError, OSError):
            return None
        pairs = zip(found[::2], found[1::2], strict=True)
        return {workflow.decode(): decode(message) or "" for workflow, message in pairs}

    def depth(self) -> int | None:
        """The number of messages in the queue; None when Redis cannot be reached."""
        try:
            return int(self._depth(self.keys))
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
    """A queue a workflow in this process, in the order of their turns. Its pop blocks until a message comes."""

    blocking = True

    def __init__(self, name: str, waiting: Waiting, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._of: OrderedDict[str, deque[bytes]] = OrderedDict()
        self._arrived = threading.Condition()
        self._is_databases_turn = False
        self.found = FoundTasks(waiting)

    def push(self, messages: Sequence[QueuedMessage]) -> None:
        """Put the messages at the end of their workflows' queues."""
        with self._arrived:
            for workflow, content in messages:
                self._of.setdefault(workflow, deque()).append(content)
            self._arrived.notify(len(messages))

    def push_first(self, messages: Sequence[QueuedMessage]) -> None:
        """Put the messages before all others of their workflows."""
        with self._arrived:
            for workflow, content in reversed(messages):
                self._of.setdefault(workflow, deque()).appendleft(content)
            self._arrived.notify(len(messages))

    def enqueue(self, data: bytes, priority: int | None = None) -> None:
        self.push([QueuedMessage("", data)])

    def dequeue(self) -> bytes | None:
        """The next message, or one made from the database; None when nothing waits."""
        self._is_databases_turn = not self._is_databases_turn
        if self._is_databases_turn and (found := self.found.pop()):
            return found
        if (message := self._next(0)) is not None:
            return message
        return self.found.look_in_turn() or self._next(POP_SECONDS)

    def heads(self) -> Mapping[str, str]:
        """The task id in the next message of each workflow, empty if it names none."""
        with self._arrived:
            return {workflow: decode(messages[0]) or "" for workflow, messages in self._of.items()}

    def depth(self) -> int:
        """The number of messages in the queue."""
        with self._arrived:
            return sum(map(len, self._of.values()))

    def close(self) -> None:
        with self._arrived:
            self._of.clear()

    def _next(self, seconds: float) -> bytes | None:
        with self._arrived:
            self._arrived.wait_for(lambda: bool(self._of), seconds)
            return self._pop() if self._of else None

    def _pop(self) -> bytes:
        workflow, messages = next(iter(self._of.items()))
        message = messages.popleft()
        if messages:
            self._of.move_to_end(workflow)
        else:
            del self._of[workflow]
        return message


def open_storage(redis_url: str | None, waiting: Waiting) -> RedisQueue | MemoryQueue:
    """The queue of this process: in Redis when there is a URL, else inside the process."""
    return RedisQueue(QUEUE, redis_url, waiting) if redis_url else MemoryQueue(QUEUE, waiting)
