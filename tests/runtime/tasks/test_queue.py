"""The bell: a task's id as JSON, rung without ever failing, and the database behind it."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from peewee import OperationalError
from redis import Redis as Client

from stepwell.runtime.ids import new_id
from stepwell.runtime.tasks.queue import (
    QUIET_SECONDS,
    REFILL,
    Bell,
    MemoryBell,
    MessageSerializer,
    RedisBell,
    encode,
    open_bell,
)
from stepwell.runtime.worker import StepwellHuey
from tests.runtime.stage import LONG_AGO, Stage, staged, steps
from tests.services import Redis, until

ID = "01a20be5-d527-72cf-b8e4-6af0bd300001"

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


def nothing_waits(older_ms: int) -> list[str]:
    return []


@pytest.fixture(params=["memory", "redis"])
def storage(request: pytest.FixtureRequest) -> Iterator[RedisBell | MemoryBell]:
    """Each kind of queue in turn, with an empty database behind it."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    made = open_bell(url, nothing_waits)
    yield made
    made.close()


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis of this test's own, to be hurt."""
    with Redis() as server:
        yield server


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


def test_a_worker_drops_hostile_messages_and_goes_on(house: Stage, caplog):
    huey = StepwellHuey(house.runtime)
    house.bell.push([*HOSTILE.values(), encode(ID)])
    taken = [huey.dequeue() for _ in range(house.bell.depth())]
    assert [one.args for one in taken if one is not None] == [(ID,)]
    assert caplog.text.count("dropped a message") == len(HOSTILE)


# Queues


def test_messages_come_in_the_order_they_were_rung(storage: RedisBell | MemoryBell):
    ids = [new_id() for _ in range(5)]
    Bell(storage).ring(ids[:3])
    Bell(storage).ring(ids[3:])
    storage.enqueue(encode(ID))
    assert storage.depth() == 6
    assert [json.loads(storage.dequeue())["task"] for _ in range(6)] == [*ids, ID]
    assert storage.depth() == 0


def test_a_message_wakes_who_waits_for_one(storage: RedisBell | MemoryBell):
    taken: list[bytes | None] = []

    def take() -> None:
        while not taken or taken[-1] is None:
            taken.append(storage.dequeue())

    waiting = Thread(target=take)
    waiting.start()
    Bell(storage).ring([ID])
    waiting.join(30)
    assert taken[-1] == encode(ID)


def test_ringing_for_nobody_says_nothing(storage: RedisBell | MemoryBell):
    Bell(storage).ring([])
    assert storage.depth() == 0


def test_a_silent_queue_asks_the_database(storage: RedisBell | MemoryBell):
    asked: list[int] = []
    storage.found.waiting = lambda older_ms: asked.append(older_ms) or [ID]
    assert storage.dequeue() == encode(ID)
    assert asked == [1000]


# Redis away


@pytest.mark.parametrize("how", ["killed", "frozen", "another thing under the queue's name"])
def test_a_ring_that_nobody_hears_does_not_fail_and_takes_less_than_a_second(redis: Redis, how: str):
    storage = RedisBell("stepwell", redis.url, nothing_waits)
    bell = Bell(storage)
    bell.ring([ID])
    if how == "killed":
        redis.kill()
    elif how == "frozen":
        redis.pause()
    else:
        with Client.from_url(redis.url) as client:
            client.delete(storage.queue_key)
            client.set(storage.queue_key, "no list")
    took = [seconds(lambda: bell.ring([ID, ID])) for _ in range(3)]
    redis.resume()
    storage.close()
    assert min(took) < 1
    assert bell.counters["lost_rings"] == 6


def seconds(act: object) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_without_redis_the_database_is_asked_at_once(redis: Redis):
    asked: list[int] = []
    storage = RedisBell("stepwell", redis.url, lambda older_ms: asked.append(older_ms) or [ID])
    redis.kill()
    assert storage.dequeue() == encode(ID)
    assert asked == [0] and storage.depth() is storage.head() is None
    redis.start()
    Bell(storage).ring([ID])
    assert storage.depth() == 1
    storage.close()


def test_with_neither_a_worker_waits_and_goes_on(redis: Redis, monkeypatch):
    paused: list[float] = []
    monkeypatch.setattr("stepwell.runtime.tasks.queue.time.sleep", paused.append)
    storage = RedisBell("stepwell", redis.url, nothing_waits)
    redis.kill()
    assert storage.dequeue() is None and paused
    storage.close()


def test_while_the_database_is_away_too_a_worker_waits_and_goes_on(storage: RedisBell | MemoryBell, monkeypatch):
    def away(older_ms: int) -> list[str]:
        raise OperationalError("away")

    paused: list[float] = []
    monkeypatch.setattr("stepwell.runtime.tasks.queue.time.sleep", paused.append)
    storage.found.waiting = away
    assert storage.dequeue() is None and paused


def test_what_was_queued_when_redis_was_emptied_is_done_all_the_same(
    emptied_postgres: str, redis_url: str, tmp_path: Path
):
    """No sweep rings again here: what is found, the queue itself has looked up."""
    with staged(emptied_postgres, tmp_path / "home", redis_url=redis_url) as house:
        started = [house.start(steps("step1")) for _ in range(50)]
        assert house.bell.depth() == 50
        with Client.from_url(redis_url) as client:
            client.flushall()
        for identity in started:
            house.set(house.task(identity), queued_at=LONG_AGO)
        huey = StepwellHuey(house.runtime)

        def all_have_ended() -> bool:
            if (message := huey.dequeue()) is not None:
                house.work.run(message.args[0])
            return {house.status(identity) for identity in started} == {"COMPLETED"}

        until(all_have_ended, "all that was queued is done")


def test_what_the_database_knows_is_fetched_in_batches_and_handed_out_one_by_one(storage: RedisBell | MemoryBell):
    asked: list[int] = []
    ids = [new_id() for _ in range(REFILL + 8)]
    storage.found.waiting = lambda older_ms: asked.append(older_ms) or ids
    handed = {json.loads(storage.dequeue() or b"{}")["task"] for _ in range(REFILL)}
    assert len(handed) == REFILL and handed < set(ids)
    assert asked == [1000]


def test_an_empty_queue_asks_the_database_at_once_and_then_once_in_a_while(
    storage: RedisBell | MemoryBell, monkeypatch
):
    monkeypatch.setattr("stepwell.runtime.tasks.queue.LOOK_SECONDS", 3600)
    asked: list[int] = []
    storage.found.waiting = lambda older_ms: asked.append(older_ms) or []
    assert [storage.dequeue(), storage.dequeue()] == [None, None] and len(asked) == 1
    monkeypatch.setattr(storage.found, "_next_look", 0.0)
    Bell(storage).ring([ID])
    assert storage.dequeue() == encode(ID) and len(asked) == 1


def test_while_the_database_knows_of_more_it_is_asked_all_the_time(storage: RedisBell | MemoryBell, monkeypatch):
    monkeypatch.setattr("stepwell.runtime.tasks.queue.LOOK_SECONDS", 3600)
    storage.found.waiting = lambda older_ms: [new_id() for _ in range(REFILL + 8)]
    assert None not in [storage.dequeue() for _ in range(3 * REFILL)]


def test_the_head_is_the_task_that_comes_next(storage: RedisBell | MemoryBell):
    bell, ids = Bell(storage), [new_id() for _ in range(4)]
    assert storage.head() == ""
    bell.ring(ids[2:])
    bell.ring_first(ids[:2])
    assert [storage.head(), json.loads(storage.dequeue())["task"]] == [ids[0], ids[0]]
    assert [json.loads(storage.dequeue())["task"] for _ in range(3)] == ids[1:]


def test_a_head_that_names_no_task_tells_nothing(storage: RedisBell | MemoryBell):
    storage.push([HOSTILE["no UUID"]])
    assert storage.head() is None


def test_a_bell_that_failed_keeps_quiet_for_a_while(redis: Redis, monkeypatch):
    storage = RedisBell("stepwell", redis.url, nothing_waits)
    bell = Bell(storage)
    redis.kill()
    bell.ring([ID])
    redis.start()
    bell.ring([ID])
    assert storage.depth() == 0 and bell.counters["lost_rings"] == 2
    now = time.monotonic()
    monkeypatch.setattr("stepwell.runtime.tasks.queue.time.monotonic", lambda: now + QUIET_SECONDS)
    bell.ring([ID])
    assert storage.depth() == 1
    storage.close()
