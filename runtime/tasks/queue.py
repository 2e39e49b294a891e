"""The queue: how a worker learns that a task is waiting. A message is a task's id, as JSON, and nothing else.

A message may be lost, doubled or forged. That costs time at most, because the database is the truth: a worker claims
the task there, and ``queue_storage`` reads the database when the queue is empty or cannot be reached.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from huey.registry import Message
from redis.exceptions import RedisError

from stepwell.db.values import QueuedTask
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.ids import is_id
from stepwell.runtime.tasks.signals import Signals

log = logging.getLogger("stepwell.queue")

JOB = "runtime.worker.run"
"""The name of the job in Huey's registry, however the worker's module is imported. No message carries it."""
QUIET_SECONDS = 1.0
"""How long nothing is pushed after a failure, so that callers do not wait for a time-out each."""


class QueuedMessage(NamedTuple):
    """A message, and the id of the workflow in whose queue it lies."""

    workflow_id: str
    content: bytes


class Storage(Protocol):
    """Where the messages lie. ``push`` and ``push_first`` raise RedisError or OSError when it cannot be reached."""

    def push(self, messages: Sequence[QueuedMessage]) -> None: ...
    def push_first(self, messages: Sequence[QueuedMessage]) -> None: ...
    def heads(self) -> Mapping[str, str] | None: ...


class Queue:
    """Notifies workers and the threads of this process. Never raises: the sweep repairs a lost message.

    ``counters["lost_messages"]`` counts the messages that could not be pushed.
    """

    def __init__(self, storage: Storage, signals: Signals) -> None:
        self._storage = storage
        self._signals = signals
        self._quiet_until = 0.0
        self.counters: Counter[str] = Counter()

    def notify(self, tasks: Sequence[QueuedTask]) -> None:
        """Notify the workers of all processes of these tasks."""
        self._push(self._storage.push, tasks)

    def notify_first(self, tasks: Sequence[QueuedTask]) -> None:
        """Notify the workers of these tasks, before all other messages of their workflows."""
        self._push(self._storage.push_first, tasks)

    def heads(self) -> Mapping[str, str] | None:
        """The task id in the next message of each workflow that has one; None when that is unknown.

        It is empty for a message that names no task.
        """
        return self._storage.heads()

    def wake_timers(self) -> None:
        """Let the timer thread of this process look for the timer that was just written."""
        self._signals.timers.set()

    def wake_put_off(self) -> None:
        """Let the thread of this process that fires timers again look for the one that was just put off."""
        self._signals.put_off.set()

    def drop_cancelled(self) -> None:
        """Let the heartbeat thread of this process stop the handlers of the tasks that were just cancelled."""
        self._signals.heartbeat.set()

    def _push(self, push: Callable[[Sequence[QueuedMessage]], None], tasks: Sequence[QueuedTask]) -> None:
        if not tasks:
            return
        if time.monotonic() < self._quiet_until:
            self.counters["lost_messages"] += len(tasks)
            return
        reach("notify.before")
        try:
            push([QueuedMessage(workflow_id, encode(task_id)) for task_id, workflow_id in tasks])
        except (RedisError, OSError) as fault:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            self.counters["lost_messages"] += len(tasks)
            log.warning(
                "could not notify of %s task(s), and push nothing for %s s: %s", len(tasks), QUIET_SECONDS, fault
            )
        reach("notify.after")


class MessageSerializer:
    """Huey's messages as JSON. Never pickle: a program that can write to Redis must not own the workers."""

    def serialize(self, message: Message) -> bytes:
        return encode(message.args[0])

    def deserialize(self, data: bytes) -> Message:
        """The message's call of the job. Raises ValueError unless it is exactly one task's id."""
        body = jsontext.read(data)
        if not isinstance(body, dict) or set(body) != {"task"} or not isinstance(body["task"], str):
            raise ValueError("a message holds a task's id and nothing else")
        if not is_id(body["task"]):
            raise ValueError("a message's task is a UUID")
        return Message(body["task"], JOB, args=(body["task"],), kwargs={}, retries=0, retry_delay=0)


def encode(task_id: str) -> bytes:
    """The message for a task."""
    return json.dumps({"task": task_id}).encode()


def decode(message: bytes) -> str | None:
    """The id of a message's task; None when the message is not one of ours."""
    with suppress(ValueError):
        return str(MessageSerializer().deserialize(message).args[0])
    return None
