"""Messages in Redis and in memory, and the database behind them."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread

from peewee import OperationalError
from redis import Redis as Client

from stepwell.db.values import QueuedTask
from stepwell.runtime.ids import new_id
from stepwell.runtime.tasks.queue import Queue, QueuedMessage, encode
from stepwell.runtime.tasks.queue_storage import REFILL, MemoryQueue, RedisQueue
from stepwell.runtime.tasks.signals import Signals
from stepwell.runtime.worker import StepwellHuey
from tests.runtime.stage import LONG_AGO, staged, steps
from tests.runtime.tasks.conftest import nothing_waits
from tests.services import Redis, until

ID = "01a20be5-d527-72cf-b8e4-6af0bd300001"
WORKFLOW, OTHER = new_id(), new_id()
TASK = QueuedTask(ID, WORKFLOW)


def test_messages_come_in_the_order_they_were_sent(storage: RedisQueue | MemoryQueue):
    tasks = [QueuedTask(new_id(), WORKFLOW) for _ in range(5)]
    Queue(storage, Signals()).notify(tasks[:3])
    Queue(storage, Signals()).notify(tasks[3:])
    assert storage.depth() == 5
    assert [json.loads(storage.dequeue())["task"] for _ in range(5)] == [task.id for task in tasks]
    assert storage.depth() == 0


def test_a_message_wakes_who_waits_for_one(storage: RedisQueue | MemoryQueue):
    taken: list[bytes | None] = []

    def take() -> None:
        while not taken or taken[-1] is None:
            taken.append(storage.dequeue())

    waiting = Thread(target=take)
    waiting.start()
    Queue(storage, Signals()).notify([TASK])
    waiting.join(30)
    assert taken[-1] == encode(ID)


def test_an_empty_queue_asks_the_database(storage: RedisQueue | MemoryQueue):
    looks: list[int] = []
    storage.found.waiting = lambda older_ms: looks.append(older_ms) or [TASK]
    assert storage.dequeue() == encode(ID)
    assert looks == [1000]


# The database behind them


def test_without_redis_the_database_is_asked_at_once(redis: Redis):
    looks: list[int] = []
    storage = RedisQueue("stepwell", redis.url, lambda older_ms: looks.append(older_ms) or [TASK])
    redis.kill()
    assert storage.dequeue() == encode(ID)
    assert looks == [0] and storage.depth() is storage.heads() is None
    redis.start()
    Queue(storage, Signals()).notify([TASK])
    assert storage.depth() == 1
    storage.close()


def test_with_neither_a_worker_waits_and_goes_on(redis: Redis, monkeypatch):
    paused: list[float] = []
    monkeypatch.setattr("stepwell.runtime.tasks.queue_storage.time.sleep", paused.append)
    storage = RedisQueue("stepwell", redis.url, nothing_waits)
    redis.kill()
    assert storage.dequeue() is None and paused
    storage.close()


def test_while_the_database_is_unreachable_too_a_worker_waits_and_goes_on(
    storage: RedisQueue | MemoryQueue, monkeypatch
):
    def unreachable(older_ms: int) -> list[QueuedTask]:
        raise OperationalError("away")

    paused: list[float] = []
    monkeypatch.setattr("stepwell.runtime.tasks.queue_storage.time.sleep", paused.append)
    storage.found.waiting = unreachable
    assert storage.dequeue() is None and paused


def test_what_was_queued_when_redis_was_emptied_is_done_all_the_same(
    emptied_postgres: str, redis_url: str, tmp_path: Path
):
    """No sweep notifies again here: the queue itself finds the tasks in the database."""
    with staged(emptied_postgres, tmp_path / "home", redis_url=redis_url) as stage:
        started = [stage.start(steps("step1")) for _ in range(50)]
        assert stage.queue.depth() == 50
        with Client.from_url(redis_url) as client:
            client.flushall()
        for identity in started:
            stage.set(stage.task(identity), queued_at=LONG_AGO)
        huey = StepwellHuey(stage.runtime)

        def all_have_ended() -> bool:
            if (message := huey.dequeue()) is not None:
                stage.work.run(message.args[0])
            return {stage.status(identity) for identity in started} == {"COMPLETED"}

        until(all_have_ended, "all that was queued is done")


def test_what_the_database_knows_is_fetched_in_batches_and_handed_out_one_by_one(storage: RedisQueue | MemoryQueue):
    looks: list[int] = []
    ids = [new_id() for _ in range(REFILL + 8)]
    storage.found.waiting = lambda older_ms: looks.append(older_ms) or [QueuedTask(one) for one in ids]
    handed = {json.loads(storage.dequeue() or b"{}")["task"] for _ in range(REFILL)}
    assert len(handed) == REFILL and handed < set(ids)
    assert looks == [1000]


def test_an_empty_queue_asks_the_database_at_once_and_then_once_in_a_while(
    storage: RedisQueue | MemoryQueue, monkeypatch
):
    monkeypatch.setattr("stepwell.runtime.tasks.queue_storage.LOOK_SECONDS", 3600)
    looks: list[int] = []
    storage.found.waiting = lambda older_ms: looks.append(older_ms) or []
    assert [storage.dequeue(), storage.dequeue()] == [None, None] and len(looks) == 1
    monkeypatch.setattr(storage.found, "_next_look", 0.0)
    Queue(storage, Signals()).notify([TASK])
    assert storage.dequeue() == encode(ID) and len(looks) == 1


def test_while_the_database_knows_of_more_it_is_asked_all_the_time(storage: RedisQueue | MemoryQueue, monkeypatch):
    monkeypatch.setattr("stepwell.runtime.tasks.queue_storage.LOOK_SECONDS", 3600)
    storage.found.waiting = lambda older_ms: [QueuedTask(new_id()) for _ in range(REFILL + 8)]
    assert None not in [storage.dequeue() for _ in range(3 * REFILL)]


def test_the_heads_are_the_tasks_that_come_next(storage: RedisQueue | MemoryQueue):
    queue, ids = Queue(storage, Signals()), [new_id() for _ in range(6)]
    assert storage.heads() == {}
    queue.notify([QueuedTask(one, WORKFLOW) for one in ids[2:4]])
    queue.notify_first([QueuedTask(one, WORKFLOW) for one in ids[:2]])
    queue.notify([QueuedTask(one, OTHER) for one in ids[4:]])
    assert storage.heads() == {WORKFLOW: ids[0], OTHER: ids[4]}


def test_a_head_that_names_no_task_tells_nothing(storage: RedisQueue | MemoryQueue):
    storage.push([QueuedMessage(WORKFLOW, b'{"task": "no UUID"}')] * 3)
    assert storage.heads() == {WORKFLOW: ""}
