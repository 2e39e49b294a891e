"""SIGTERM, SIGKILL and SIGSTOP to busy processes: every promise is kept, and nothing is done twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from stepwell.db.database import database
from stepwell.db.models import Task
from stepwell.runtime.engine.values.statuses import TaskStatus
from tests.faults.client import Load
from tests.faults.conftest import Measured
from tests.faults.stack import GRACE, QUICK, SLOTS, STEADY, Stack, is_gone, stack_on
from tests.runtime.stage import LONG_AGO, steps
from tests.services import until

SLOW_MACHINE = 10.0
NEVER = {
    "STEPWELL_LEASE_SECONDS": "1000000",
    "STEPWELL_HEARTBEAT_SECONDS": "900000",
    "STEPWELL_SWEEP_SECONDS": "900000",
}


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Stack]:
    """A stack for the emulator: SQLite, and no Redis."""
    with stack_on(f"sqlite:///{tmp_path / 'stepwell.db'}", None, tmp_path, forked=True) as stack:
        yield stack


def nothing_is_held() -> bool:
    with database.connection_context():
        return Task.select().where(Task.status == TaskStatus.IN_PROGRESS).count() == 0


# SIGTERM


def test_a_web_process_told_to_end_answers_what_it_took(stack: Stack, measured: Measured):
    web = stack.web()
    stack.stage.workflows.create("w", steps("step1"))
    with Load([partial(web.ask, "POST", "/workflows/w/execute")] * 8) as load:
        until(lambda: len(load.started()) > 100, "starts are answered")
        began = time.monotonic()
        web.send(signal.SIGTERM)
        assert web.ends() == 0
        took = time.monotonic() - began
    measured("seconds from SIGTERM to exit 0", took)
    assert took < GRACE + SLOW_MACHINE
    assert load.statuses() <= {201, None} and stack.keeps(load)


def test_a_worker_told_to_end_leaves_nothing_half_done(stack: Stack, measured: Measured):
    stack.start("works", "works", data={"gate": "gate"})
    short = [stack.start("works", "works", "works", workflow="short") for _ in range(250)]
    worker = stack.worker()
    until(lambda: stack.count("COMPLETED") > 30, f"work is being done; {stack.said()}")
    began = time.monotonic()
    worker.send(signal.SIGTERM)
    assert worker.ends() == 0
    took = time.monotonic() - began
    measured("seconds from SIGTERM to exit 0 with a handler that does not end, grace of 4 s", took)
    assert took < GRACE + SLOW_MACHINE and nothing_is_held()
    assert stack.count("IN_PROGRESS") > 1, "too little was left to show anything"
    stack.open("gate")
    stack.worker("next")
    stack.all_end(1 + len(short))
    assert stack.losses() == 0 and stack.outcomes() == {"COMPLETED": 2 + 3 * len(short), "RETURNED": 1}
    assert set(stack.noted("ended").values()) == {1} and len(stack.noted("ended")) == 2 + 3 * len(short)


def test_an_emulator_told_to_end_goes_on_when_it_is_started_again(laptop: Stack, measured: Measured):
    emulator = laptop.emulator()
    laptop.stage.workflows.create("w", steps("works", "works"))
    with Load([partial(emulator.ask, "POST", "/workflows/w/execute")] * 4) as load:
        until(lambda: len(load.started()) > 50 and laptop.noted("ended"), "it works")
        began = time.monotonic()
        emulator.send(signal.SIGTERM)
        assert emulator.ends() == 0
        took = time.monotonic() - began
    measured("seconds from SIGTERM to exit 0", took)
    assert took < SLOW_MACHINE and nothing_is_held()
    assert load.statuses() <= {201, None} and laptop.keeps(load)
    emulator.start()
    laptop.all_end(laptop.executions())
    assert laptop.losses() == 0 and set(laptop.outcomes()) == {"COMPLETED"}
    assert set(laptop.noted("ended").values()) == {1}


def test_a_worker_told_to_end_hands_back_nothing_that_another_one_has(stack: Stack):
    """The worker neither renews leases nor sweeps, so it does not know that it has lost one of its own.

    All its slots are busy: it cannot claim the lost task itself.
    """
    stale = stack.worker("stale", **NEVER)
    identity, *others = [stack.start("works", data={"gate": "gate"}) for _ in range(SLOTS)]
    handler, *_ = [stack.handler_of(one) for one in (identity, *others)]
    stack.stage.set(stack.stage.task(identity), lease_until=LONG_AGO)
    stack.worker("other", **STEADY)
    until(lambda: stack.noted("began").total() == SLOTS + 1, f"another worker takes it over; {stack.said()}")
    held = stack.stage.task(identity)
    stale.send(signal.SIGTERM)
    assert stale.ends() == 0 and is_gone(handler)
    now = stack.stage.task(identity)
    assert (now.status, now.attempt, now.owner) == ("IN_PROGRESS", 2, held.owner)
    stack.open("gate")
    stack.all_end(SLOTS)
    assert stack.stage.attempts(identity) == [(1, 1, "LOST"), (1, 2, "COMPLETED")]
    assert {outcome for one in others for *_, outcome in stack.stage.attempts(one)} == {"RETURNED", "COMPLETED"}


# SIGKILL


def test_a_killed_worker_takes_its_handlers_with_it(stack: Stack, measured: Measured):
    worker = stack.worker(**QUICK)
    busy = [stack.start("works", data={"gate": "gate", "how": how}) for how in ("regex", "sum", "sleep")]
    handlers = [stack.handler_of(identity) for identity in busy]
    stack.ends(stack.start("works"))
    children = worker.children()
    assert {one.pid for one in handlers} < {one.pid for one in children}, "an idle child is there as well"
    began = time.monotonic()
    worker.send(signal.SIGKILL)
    until(lambda: all(is_gone(child) for child in children), "all its children are gone")
    measured("seconds from a worker's SIGKILL to the death of its last child", time.monotonic() - began)
    assert worker.ends() == -signal.SIGKILL
    assert stack.noted("ended").total() == 1
    stack.open("gate")
    stack.worker("next", **QUICK)
    stack.all_end(4)
    assert stack.losses() == 3 and stack.outcomes() == {"LOST": 3, "COMPLETED": 4}


def test_a_killed_emulator_takes_its_handlers_with_it(laptop: Stack):
    emulator = laptop.emulator(**QUICK)
    identity = laptop.start("works", data={"gate": "gate", "how": "regex"})
    handler = laptop.handler_of(identity)
    emulator.send(signal.SIGKILL)
    until(lambda: is_gone(handler), "its handler is gone")
    emulator.ends()
    laptop.open("gate")
    emulator.start()
    laptop.ends(identity)
    assert laptop.stage.attempts(identity) == [(1, 1, "LOST"), (1, 2, "COMPLETED")]


# SIGSTOP


def test_a_worker_frozen_past_its_lease_is_fenced(stack: Stack):
    frozen = stack.worker("frozen", **QUICK)
    ended, running = (stack.start("works", data={"gate": gate}) for gate in ("first", "second"))
    late = {identity: stack.handler_of(identity) for identity in (ended, running)}
    frozen.send(signal.SIGSTOP)
    stack.worker("other", **STEADY)
    until(lambda: stack.noted("began").total() == 4, f"another worker takes both over; {stack.said()}")
    stack.open("first")
    stack.ends(ended)
    until(lambda: stack.noted("ended").total() == 2, "the handler of the frozen worker ends as well")
    before = stack.stage.everything(ended)
    frozen.send(signal.SIGCONT)
    until(lambda: is_gone(late[running]), "the handler that still ran is stopped")
    frozen.says(f"task {stack.stage.task(running).id}, attempt 1, is no longer ours: its handler is stopped")
    until(lambda: is_reported(frozen.said(), stack.stage.task(ended).id), f"the late result is told; {frozen.said()}")
    stack.open("second")
    stack.ends(running)
    assert stack.stage.everything(ended) == before
    for identity in (ended, running):
        assert stack.stage.attempts(identity) == [(1, 1, "LOST"), (1, 2, "COMPLETED")]


def is_reported(log: str, task_id: str) -> bool:
    """True if the frozen worker has logged that its attempt is no longer its own: at the result, or at a heartbeat."""
    words = (f"dropped a late result of task {task_id}, attempt 1", f"task {task_id}, attempt 1, is no longer ours")
    return any(one in log for one in words)
