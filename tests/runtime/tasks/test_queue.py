"""A task's id as JSON, sent without ever failing."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

import pytest
from redis import Redis as Client

from stepwell.db.values import QueuedTask
from stepwell.runtime.tasks.queue import QUIET_SECONDS, MessageSerializer, Queue, QueuedMessage, encode
from stepwell.runtime.tasks.queue_storage import MemoryQueue, RedisQueue
from stepwell.runtime.tasks.signals import Signals
from stepwell.runtime.worker import StepwellHuey
from tests.runtime.stage import Stage
from tests.runtime.tasks.conftest import nothing_waits
from tests.services import Redis

ID = "01a20be5-d527-72cf-b8e4-6af0bd300001"
TASK = QueuedTask(ID)

HOSTILE = {
    "nothing": b"",
    "no JSON": b"task",
    "no UTF-8": b"\xff\xfe",
    "a pickle": pickle.dumps(Path("/")),
    "a huge text": b'{"task": "' + b"x" * 2_000_000 + b'"}',
    "a deep nest": b"[" * 100_000,
    "a number": b"1e999",
    "a list": json.dumps([ID]).encode(),
    "a bare id": json.dumps(ID).encode(),
    "no task": b"{}",
    "no text": b'{"task": 1}',
    "no UUID": b'{"task": "stepwell.runtime.worker.run"}',
    "a UUID spelt otherwise": json.dumps({"task": ID.upper()}).encode(),
    "the key twice": f'{{"task": "{ID}", "task": "{ID}"}}'.encode(),
    "more than a task": json.dumps({"task": ID, "retries": 9}).encode(),
    "a NUL": json.dumps({"task": ID[:-1] + "\0"}).encode(),
}


# Messages


def test_a_message_is_an_id_and_nothing_else():
    message = MessageSerializer().deserialize(encode(ID))
    assert json.loads(encode(ID)) == {"task": ID}
    assert (message.args, message.kwargs, message.retries) == ((ID,), {}, 0)
    assert MessageSerializer().serialize(message) == encode(ID)


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_message_is_refused(kind: str):
    with pytest.raises(ValueError):
        MessageSerializer().deserialize(HOSTILE[kind])


def test_a_pickle_runs_nothing(tmp_path: Path):
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path, ...]]:
            return Path.touch, (tmp_path / "owned",)

    with pytest.raises(ValueError):
        MessageSerializer().deserialize(pickle.dumps(Bomb()))
    assert not (tmp_path / "owned").exists()


def test_a_worker_drops_hostile_messages_and_goes_on(stage: Stage, caplog):
    huey = StepwellHuey(stage.runtime)
    stage.queue.push([QueuedMessage("w", one) for one in (*HOSTILE.values(), encode(ID))])
    taken = [huey.dequeue() for _ in range(stage.queue.depth())]
    assert [one.args for one in taken if one is not None] == [(ID,)]
    assert caplog.text.count("dropped a message") == len(HOSTILE)


# Notifications


def test_a_notification_of_no_task_sends_nothing(storage: RedisQueue | MemoryQueue):
    Queue(storage, Signals()).notify([])
    assert storage.depth() == 0


@pytest.mark.parametrize("how", ["killed", "frozen", "another thing under the queue's name"])
def test_a_notification_that_cannot_be_sent_does_not_fail_and_takes_less_than_a_second(redis: Redis, how: str):
    storage = RedisQueue("stepwell", redis.url, nothing_waits)
    queue = Queue(storage, Signals())
    queue.notify([TASK])
    if how == "killed":
        redis.kill()
    elif how == "frozen":
        redis.pause()
    else:
        with Client.from_url(redis.url) as client:
            client.flushall()
            client.set(storage.keys[2], "no turns")
    took = [seconds(lambda: queue.notify([TASK, TASK])) for _ in range(3)]
    redis.resume()
    storage.close()
    assert min(took) < 1
    assert queue.counters["lost_messages"] == 6


def seconds(act: object) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_a_queue_that_failed_pushes_nothing_for_a_while(redis: Redis, monkeypatch):
    storage = RedisQueue("stepwell", redis.url, nothing_waits)
    queue = Queue(storage, Signals())
    redis.kill()
    queue.notify([TASK])
    redis.start()
    queue.notify([TASK])
    assert storage.depth() == 0 and queue.counters["lost_messages"] == 2
    now = time.monotonic()
    monkeypatch.setattr("stepwell.runtime.tasks.queue.time.monotonic", lambda: now + QUIET_SECONDS)
    queue.notify([TASK])
    assert storage.depth() == 1
    storage.close()
