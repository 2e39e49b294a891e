"""However many tasks of one workflow wait, a task of another begins soon: claims are counted, not seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis as Client

from stepwell.db.database import database
from stepwell.db.models import Task
from stepwell.db.values import QueuedTask
from stepwell.runtime.ids import new_id
from stepwell.runtime.tasks.queue import Queue, decode, encode
from stepwell.runtime.tasks.queue_storage import REFILL, MemoryQueue, RedisQueue, in_turn, open_storage
from stepwell.runtime.tasks.signals import Signals
from stepwell.runtime.worker import StepwellHuey
from tests.runtime.maps import listed
from tests.runtime.stage import LONG_AGO, Stage, machine, parallel, staged, steps, task
from tests.runtime.tasks.conftest import nothing_waits, storage
from tests.services import Redis, until

__all__ = ["storage"]

ITEMS, SOON = 1_000, 10


@pytest.fixture(params=["memory", "redis"])
def busy(request: pytest.FixtureRequest, empty_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage on each kind of queue, with a Map of 1,000 tasks that wait."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    with staged(empty_url, tmp_path / "home", redis_url=url) as stage:
        stage.start(listed(), {"items": list(range(ITEMS))}, workflow="crowd")
        while stage.fire_run_timers():
            pass
        yield stage


def claims_until_begun(stage: Stage, identity: str, huey: StepwellHuey | None = None) -> int:
    """How many tasks workers claim until this execution's task is claimed."""
    huey, claimed = huey or StepwellHuey(stage.runtime), 0
    wanted = stage.task(identity).id

    def is_begun() -> bool:
        nonlocal claimed
        if (message := huey.dequeue()) is None:
            return False
        claimed += stage.tasks.claim(message.args[0]) is not None
        return bool(message.args[0] == wanted)

    until(is_begun, "the execution begins")
    assert stage.task(identity).status == "IN_PROGRESS"
    return claimed


def forget(stage: Stage) -> None:
    """Lose all messages."""
    if isinstance(stage.queue, RedisQueue):
        with Client.from_url(stage.runtime.settings.redis_url) as client:
            client.flushall()
    else:
        stage.queue.close()


def grow_old() -> None:
    """Let all tasks have waited for long."""
    with database.connection_context():
        Task.update(queued_at=LONG_AGO).execute()


def test_one_step_beside_a_map_of_a_thousand(busy: Stage):
    assert busy.queue.depth() == ITEMS
    assert claims_until_begun(busy, busy.start(steps("step1"))) <= SOON


def test_each_of_some_workflows_beside_it(busy: Stage):
    begun = [busy.start(steps("step1"), workflow=f"w{number}") for number in range(5)]
    assert sum(claims_until_begun(busy, identity) for identity in begun) <= 5 * SOON


def test_when_messages_were_lost_and_are_sent_again(busy: Stage):
    identity = busy.start(steps("step1"))
    forget(busy)
    grow_old()
    busy.runtime.queue.notify_first(busy.tasks.unclaimed({}))
    assert busy.queue.depth() == ITEMS + 1
    assert claims_until_begun(busy, identity) <= SOON


def test_when_only_the_database_knows(busy: Stage, monkeypatch: pytest.MonkeyPatch):
    forget(busy)
    grow_old()
    huey = StepwellHuey(busy.runtime)
    assert busy.tasks.claim(huey.dequeue().args[0]) is not None  # a batch of the Map's tasks is at hand
    identity = busy.start(steps("step1"))
    forget(busy)
    grow_old()
    assert claims_until_begun(busy, identity, huey) <= SOON


def test_without_redis(emptied_postgres: str, tmp_path: Path):
    with Redis() as server, staged(emptied_postgres, tmp_path / "home", redis_url=server.url) as stage:
        stage.start(listed(), {"items": list(range(ITEMS))}, workflow="crowd")
        while stage.fire_run_timers():
            pass
        server.kill()
        identity = stage.start(steps("step1"))
        assert claims_until_begun(stage, identity) <= SOON


def test_a_map_beside_itself_goes_on_too(busy: Stage):
    """The steps of a workflow that are many do not starve for one with few that come again and again."""
    huey = StepwellHuey(busy.runtime)
    taken = [busy.tasks.claim(huey.dequeue().args[0]) for _ in range(20) if busy.start(steps("step1"))]
    assert [claim.workflow for claim in taken if claim is not None].count("play") <= 12


# The queue itself


def tasks_of(count: int) -> list[QueuedTask]:
    workflow = new_id()
    return [QueuedTask(new_id(), workflow) for _ in range(count)]


def taken(storage: RedisQueue | MemoryQueue, count: int) -> list[str | None]:
    return [decode(storage.dequeue() or b"") for _ in range(count)]


def test_workflows_are_served_in_turn_and_each_in_its_order(storage: RedisQueue | MemoryQueue):
    queue, many, few, last = Queue(storage, Signals()), tasks_of(6), tasks_of(2), tasks_of(1)
    for some in (many, few, last):
        queue.notify(some)
    order = taken(storage, 9)
    assert [one for one in order if one in {task.id for task in many}] == [task.id for task in many]
    assert order.index(few[0].id) <= 3 and order.index(last[0].id) <= 3 and order.index(few[1].id) <= 6
    assert storage.depth() == 0 and storage.dequeue() is None


def test_an_empty_queue_leaves_no_keys(redis_url: str):
    storage = open_storage(redis_url, nothing_waits)
    queue, tasks = Queue(storage, Signals()), [*tasks_of(3), *tasks_of(2)]
    for some in (tasks, tasks[:1], tasks[1:2]):
        queue.notify(some)
    queue.notify_first(tasks)
    assert None not in taken(storage, 12)
    with Client.from_url(redis_url) as client:
        assert client.keys() == [] and storage.depth() == 0
    storage.close()


def test_messages_of_the_release_before_are_taken_and_it_is_sent_some(redis_url: str):
    storage, old = open_storage(redis_url, nothing_waits), [encode(new_id()) for _ in range(3)]
    key = "huey.redis.stepwell"
    with Client.from_url(redis_url) as client:
        client.lpush(key, *old)  # as it pushes
        Queue(storage, Signals()).notify(tasks_of(2))
        assert storage.depth() == 5
        assert [storage.dequeue() for _ in range(3)] == old
        assert None not in taken(storage, 2) and client.keys() == []
        (one,) = tasks_of(1)
        Queue(storage, Signals()).notify([one])
        assert client.rpop(key) == encode(one.id)  # as it pops
    storage.close()


def test_a_key_that_was_evicted_costs_time_and_no_message_for_ever(redis_url: str):
    storage, tasks = open_storage(redis_url, nothing_waits), tasks_of(4)
    Queue(storage, Signals()).notify(tasks[:3])
    with Client.from_url(redis_url) as client:
        client.delete(storage.keys[2])
        Queue(storage, Signals()).notify(tasks[3:])
    assert taken(storage, 4) == [task.id for task in tasks]
    storage.close()


def test_many_messages_are_one_command(redis_url: str):
    storage = open_storage(redis_url, nothing_waits)
    queue, many = Queue(storage, Signals()), [*tasks_of(500), *tasks_of(500)]
    queue.notify(many[:1])
    storage.dequeue()
    storage.heads()  # each script has been sent once by now
    for act, most in (
        (lambda: queue.notify(many), 1),
        (lambda: queue.notify_first(many), 1),
        (lambda: taken(storage, 100), 100),
        (storage.heads, 1),
    ):
        assert commands(redis_url, act) <= most
    storage.close()


def commands(redis_url: str, act: Callable[[], object]) -> int:
    """How many commands Redis gets from its clients during an act; those inside a script are none of theirs."""
    with Client.from_url(redis_url) as client:
        before = sum(one["calls"] for name, one in client.info("commandstats").items() if is_ours(name))
        act()
        return sum(one["calls"] for name, one in client.info("commandstats").items() if is_ours(name)) - before


def is_ours(name: str) -> bool:
    return name in ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_brpop", "cmdstat_script|load")


def test_workers_that_block_are_all_woken_by_one_push(redis_url: str):
    waiting = [open_storage(redis_url, nothing_waits) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool, Client.from_url(redis_url) as client:
        found = [pool.submit(storage.dequeue) for storage in waiting]
        until(lambda: client.info("clients")["blocked_clients"] == 4, "all of them wait")
        Queue(waiting[0], Signals()).notify(tasks_of(4))
        assert None not in [one.result() for one in found]
        assert client.keys() == []
    for one in waiting:
        one.close()


def test_a_batch_of_the_database_takes_the_workflows_in_turn():
    many, few = tasks_of(50), tasks_of(2)
    order = in_turn([*many, *few])
    assert sorted(order) == sorted([*many, *few])
    assert {one.workflow_id for one in order[:2]} == {many[0].workflow_id, few[0].workflow_id}
    assert len({one.workflow_id for one in order[2:4]}) == 2 and REFILL <= SOON


def test_every_task_knows_its_workflow(stage: Stage):
    """However its row comes to be: planned, dispatched by a start or a move, by the hot path or the general one."""
    flow = machine(a=task("step1"), b=parallel(machine(c=task("step1")), machine(d=task("step2"))), e=task("step1"))
    for definition in (flow, steps("step1", "step2")):
        identity = stage.start(definition)
        stage.run()
        workflow = stage.execution(identity).workflow_id
        assert {one.workflow_id for one in stage.rows(identity)} == {workflow}
        again = stage.start(definition)
        stage.succeed_slowly(stage.claim(again))
        assert {one.workflow_id for one in stage.rows(again)} == {workflow}
