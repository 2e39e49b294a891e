"""The faults: two lanes at once, one for processes and one for stores. A lane causes one fault after another.

A lane deals its kinds like cards, all of them before any repeats, so that a short run has each. The seed decides kind,
time and target of each fault, but not the timing of the machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import psycopg2
import redis

from stepwell.runtime.tasks.queue import encode
from stepwell.runtime.tasks.queue_storage import QUEUE
from tests.torture.client import Client
from tests.torture.stack import Member, Options, Stack, pause

QUEUE_KEY = f"huey.redis.{QUEUE}"
BURST = 20
MOST_LOSSES = 3
THRICE_SECONDS = 20
ASLEEP = """
SELECT id, attempt FROM task
WHERE status = 'IN_PROGRESS' AND owner IS NOT NULL AND id::text LIKE '{}' AND attempt > {}
  AND (input::json -> 'data' ->> 'seconds')::float > 0.5 LIMIT 1
"""
GARBAGE = (
    b"",
    b"\x80\x04\x95",
    b"null",
    b'{"task": 1}',
    b'{"task": "no id"}',
    b'{"task": "a", "task": "b"}',
    b"[" * 999,
)


@dataclass(frozen=True)
class Fault:
    """A fault, with its begin and its end: the moment when its target was whole again."""

    kind: str
    began: float
    ended: float


@dataclass
class Scene:
    """The possible targets of a fault, and the dice that choose target and duration."""

    stack: Stack
    client: Client
    options: Options
    dice: Random
    deaths: list[str]

    def one_of(self, members: tuple[Member, ...]) -> Member:
        """Choose a live process as the target."""
        return self.alive(self.dice.choice(members))

    def alive(self, member: Member) -> Member:
        """Make sure that a process lives. If it has ended by itself, note that and start it."""
        if not member.is_alive():
            self.deaths.append(f"{member.name} had ended by itself")
            member.stop()
            member.start()
        return member

    def a_moment(self, least: float = 0.3, most: float = 2.0) -> None:
        pause(self.dice.uniform(least, most))

    def longer_than_a_lease(self) -> None:
        self.a_moment(self.options.lease + 0.5, self.options.lease + 3)

    def running(self, wanted: str, attempt: int) -> tuple[str, int] | None:
        """Find a task with this id (``%`` is any) and a sleeping handler, in a later attempt than this one.

        Returns its id and attempt, or None if there is none or the database does not answer.
        """
        with suppress(psycopg2.OperationalError):
            return next(((str(row[0]), row[1]) for row in self.statement(ASLEEP.format(wanted, attempt))), None)
        return None

    def statement(self, text: str) -> list[Any]:
        with closing(psycopg2.connect(self.stack.postgres.url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text)
                return list(cursor.fetchall())


# Faults of processes


def kill_worker(scene: Scene) -> None:
    worker = scene.one_of(scene.stack.workers)
    worker.kill_alone()
    scene.a_moment()
    worker.start()


def kill_worker_and_handlers(scene: Scene) -> None:
    worker = scene.one_of(scene.stack.workers)
    worker.kill()
    scene.a_moment()
    worker.start()


def lose_thrice(scene: Scene) -> None:
    """Kill all workers while the same task runs, three times: a task fails after the loss of MOST_LOSSES workers."""
    deadline = time.monotonic() + THRICE_SECONDS + MOST_LOSSES * scene.options.lease
    wanted, attempt, kills = "%", 0, 0
    while kills < MOST_LOSSES and time.monotonic() < deadline:
        running = scene.running(wanted, attempt)
        if running is None:
            pause(0.05)
            continue
        (wanted, attempt), kills = running, kills + 1
        for worker in scene.stack.workers:
            scene.alive(worker).kill_alone()
        for worker in scene.stack.workers:
            worker.start()


def freeze_worker(scene: Scene) -> None:
    worker = scene.one_of(scene.stack.workers)
    worker.pause()
    scene.longer_than_a_lease()
    worker.resume()


def freeze_worker_alone(scene: Scene) -> None:
    worker = scene.one_of(scene.stack.workers)
    worker.freeze_alone()
    scene.longer_than_a_lease()
    worker.resume()


def replace_worker(scene: Scene) -> None:
    scene.one_of(scene.stack.workers).restart()


def kill_web_in_a_burst(scene: Scene) -> None:
    web = scene.one_of(scene.stack.webs)
    scene.client.burst(BURST)
    scene.a_moment(0, 0.1)
    web.kill()
    scene.a_moment()
    web.start()


# Faults of stores


def flush_redis(scene: Scene) -> None:
    with redis.Redis.from_url(scene.stack.redis.url) as client:
        client.flushall()


def kill_redis(scene: Scene) -> None:
    scene.stack.redis.kill()
    scene.a_moment(0.5, 4)
    scene.stack.redis.start()


def freeze_redis(scene: Scene) -> None:
    scene.stack.redis.pause()
    scene.a_moment(2, 5)
    scene.stack.redis.resume()


def restart_postgres(scene: Scene) -> None:
    scene.stack.postgres.restart_fast()


def crash_postgres(scene: Scene) -> None:
    scene.stack.postgres.stop()
    scene.a_moment(0.3, 4)
    scene.stack.postgres.start()


def freeze_postgres(scene: Scene) -> None:
    scene.stack.postgres.pause()
    scene.a_moment(1, scene.options.lease + 1)
    scene.stack.postgres.resume()


def end_connections(scene: Scene) -> None:
    scene.statement("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def forge_messages(scene: Scene) -> None:
    """Queue wrong messages: each queued task twice more, running and ended tasks, unknown ids, and garbage."""
    waiting = scene.statement("SELECT id FROM task WHERE status = 'QUEUED' LIMIT 100")
    others = scene.statement("SELECT id FROM task WHERE status <> 'QUEUED' ORDER BY id DESC LIMIT 50")
    executions = scene.statement("SELECT id FROM execution ORDER BY id DESC LIMIT 10")
    forged = [encode(str(row[0])) for row in [*waiting, *waiting, *others, *executions]]
    messages = [*forged, *(encode(str(uuid4())) for _ in range(20)), *GARBAGE]
    scene.dice.shuffle(messages)
    with redis.Redis.from_url(scene.stack.redis.url) as client:
        client.lpush(QUEUE_KEY, *messages)


Kind = Callable[[Scene], None]

PROCESSES: Mapping[str, Kind] = {
    "worker killed": kill_worker,
    "worker killed with its handlers": kill_worker_and_handlers,
    "worker frozen with its handlers": freeze_worker,
    "worker frozen alone": freeze_worker_alone,
    "workers killed thrice over a task": lose_thrice,
    "worker replaced": replace_worker,
    "web killed in a burst of starts": kill_web_in_a_burst,
}
STORES: Mapping[str, Kind] = {
    "Redis flushed": flush_redis,
    "Redis killed": kill_redis,
    "Redis frozen": freeze_redis,
    "PostgreSQL restarted": restart_postgres,
    "PostgreSQL crashed": crash_postgres,
    "PostgreSQL frozen": freeze_postgres,
    "connections ended": end_connections,
    "messages forged": forge_messages,
}
DATABASE_OUTAGES = ("PostgreSQL restarted", "PostgreSQL crashed", "PostgreSQL frozen")


@dataclass
class Faults:
    """The two lanes. ``done`` lists their faults; ``problems`` lists failed faults and processes found dead."""

    stack: Stack
    client: Client
    options: Options
    done: list[Fault] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        lanes = {"processes": PROCESSES, "stores": STORES}
        self._lanes = [
            threading.Thread(target=self._run, args=lane, name=f"faults-{lane[0]}", daemon=True)
            for lane in lanes.items()
        ]

    def begin(self) -> None:
        for lane in self._lanes:
            lane.start()

    def end(self) -> None:
        """Cause no new fault. When this returns, every target is whole again."""
        self._ended.set()
        for lane in self._lanes:
            lane.join()

    def _run(self, name: str, kinds: Mapping[str, Kind]) -> None:
        dice = Random(f"{self.options.seed}/faults/{name}")
        scene = Scene(self.stack, self.client, self.options, dice, self.problems)
        for kind in _dealt(list(kinds), dice):
            if self._ended.wait(dice.uniform(0.3, self.options.calm)):
                return
            self._do(kind, kinds[kind], scene)

    def _do(self, kind: str, act: Kind, scene: Scene) -> None:
        began = time.time()
        try:
            act(scene)
        except (psycopg2.OperationalError, redis.RedisError) as fault:
            # The other lane never touches the stores, but a crash may still be settling.
            self.problems.append(f"{kind}: {fault!r}")
        self._write(Fault(kind, began, time.time()))

    def _write(self, fault: Fault) -> None:
        self.done.append(fault)
        at = time.strftime("%H:%M:%S", time.gmtime(fault.began))
        with self._log.open("a") as log:
            log.write(f"{at} {fault.kind}, for {fault.ended - fault.began:.1f} s\n")

    @property
    def _log(self) -> Path:
        return self.stack.place / "faults.log"


def _dealt(kinds: list[str], dice: Random) -> Iterator[str]:
    while True:
        dice.shuffle(kinds)
        yield from kinds
