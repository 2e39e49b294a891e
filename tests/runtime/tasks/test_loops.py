"""Heartbeat, sweep and timers, each in its own thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from peewee import OperationalError

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Timer
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.tasks.queue import QueuedMessage, encode
from tests.runtime.stage import LONG_AGO, Stage, machine, returns, staged, steps, task
from tests.services import until

WAIT = {"Type": "Wait", "Seconds": 0.05}
NEVER = 3600


@pytest.fixture
def busy(empty_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage with quick loops; the test starts them."""
    with staged(empty_url, tmp_path / "home", heartbeat_seconds=0.02, sweep_seconds=0.02) as stage:
        yield stage
        stage.loops.stop()


@pytest.fixture
def calm(empty_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage whose loops never turn by themselves."""
    with staged(empty_url, tmp_path / "home", heartbeat_seconds=NEVER, sweep_seconds=NEVER) as stage:
        yield stage
        stage.loops.stop()


def ends(stage: Stage, identity: str, status: str = "COMPLETED") -> None:
    until(lambda: stage.status(identity) == status, f"the execution is {status}")


# Timers


def test_a_timer_fires_when_its_time_has_come(calm: Stage, monkeypatch):
    monkeypatch.setattr("stepwell.runtime.tasks.timers.LONGEST_SLEEP", NEVER)
    calm.loops.start()
    calm.start(machine(w={**WAIT, "Seconds": NEVER}))
    ends(calm, calm.start(machine(w=WAIT, again=WAIT)))


def test_a_timer_of_a_process_that_died_fires(calm: Stage, monkeypatch):
    monkeypatch.setattr("stepwell.runtime.tasks.timers.LONGEST_SLEEP", 0.02)
    identity = calm.start(machine(w=WAIT))
    calm.loops.start()
    ends(calm, identity)
    other = calm.start(machine(w={**WAIT, "Seconds": NEVER}))
    with database.connection_context():
        Timer.update(due_at=LONG_AGO).execute()
    ends(calm, other)


def test_a_timer_that_cannot_fire_keeps_no_other_from_firing(calm: Stage, monkeypatch, caplog):
    broken = calm.start(machine(w={**WAIT, "Seconds": 0}))
    machine_of = calm.workflows.machine

    def machine_or_fail(version: str) -> StateMachine:
        if version == calm.execution(broken).version_id:
            raise RuntimeError("broken")
        return machine_of(version)

    monkeypatch.setattr(calm.workflows, "machine", machine_or_fail)
    sound = calm.start(machine(w=WAIT))
    monkeypatch.setattr("stepwell.runtime.tasks.timers.LONGEST_SLEEP", 0.02)
    calm.loops.start()
    ends(calm, sound)
    monkeypatch.undo()
    ends(calm, broken)
    assert "failed: it is put off" in caplog.text


# Sweep


def test_a_sweep_takes_back_what_was_lost(busy: Stage):
    identity = busy.start(steps("step1"))
    busy.claim(identity, busy.another_worker())
    busy.set(busy.task(identity), lease_until=LONG_AGO)
    busy.loops.start()
    until(lambda: busy.task(identity).status == "QUEUED", "the task is queued again")
    assert (busy.task(identity).losses, busy.attempts(identity)) == (1, [(1, 1, "LOST")])


def test_a_sweep_notifies_again_of_what_nobody_claims(busy: Stage):
    lost, fresh = busy.start(steps("step1")), busy.start(steps("step1"))
    busy.take_queued()
    busy.set(busy.task(lost), queued_at=LONG_AGO)
    busy.loops.start()
    until(busy.queue.depth, "a message is sent")
    assert set(busy.take_queued()) == {busy.task(lost).id} != {busy.task(fresh).id}


def sweeps(busy: Stage, monkeypatch, times: int) -> Event:
    """An event, set after more than ``times`` sweeps from now on."""
    made, swept, sweep = Event(), [], busy.tasks.sweep

    def count() -> None:
        sweep()
        swept.append(1)
        if len(swept) > times:
            made.set()

    monkeypatch.setattr(busy.tasks, "sweep", count)
    return made


def test_behind_others_a_sweep_notifies_once_and_first_of_what_the_queue_forgot(busy: Stage, monkeypatch):
    waiting, lost = busy.start(steps("step1")), busy.start(steps("step1"))
    busy.take_queued()
    busy.queue.push([QueuedMessage(busy.task(waiting).workflow_id, encode(busy.task(waiting).id))])
    with database.connection_context():
        now = queries.now()
    busy.set(busy.task(waiting), queued_at=now - 30_000)
    busy.set(busy.task(lost), queued_at=now - 90_000)
    made = sweeps(busy, monkeypatch, 4)
    busy.loops.start()
    assert made.wait(30)
    assert busy.take_queued() == [busy.task(lost).id, busy.task(waiting).id]


def test_a_worker_that_drains_notifies_of_nothing(busy: Stage, monkeypatch):
    busy.set(busy.task(busy.start(steps("step1"))), queued_at=LONG_AGO)
    busy.take_queued()
    busy.work.draining.set()
    made = sweeps(busy, monkeypatch, 3)
    busy.loops.start()
    assert made.wait(30) and busy.queue.depth() == 0


def test_a_lost_task_that_cannot_be_settled_keeps_no_other_from_it(busy: Stage, monkeypatch, caplog):
    broken, sound = busy.start(steps("step1")), busy.start(steps("step1"))
    for identity in (broken, sound):
        busy.claim(identity, busy.another_worker())
        busy.set(busy.task(identity), losses=2 if identity == broken else 0, lease_until=LONG_AGO)
    monkeypatch.setattr(busy.executions, "fail_unclaimed", lambda *args: 1 / 0)
    busy.tasks.sweep()
    assert busy.task(sound).status == "QUEUED" and "ZeroDivisionError" in caplog.text


# Heartbeat


def test_a_heartbeat_keeps_what_runs(busy: Stage):
    identity = busy.start(steps("step1"))
    running = busy.task(identity)

    def handler(event: object) -> Outcome:
        busy.set(running, lease_until=LONG_AGO + 10**15)
        until(lambda: busy.task(identity).lease_until < 10**15, "the lease is set anew")
        return returns(1)

    busy.script.let("step1", handler)
    busy.loops.start()
    busy.work.run(running.id)
    assert busy.status(identity) == "COMPLETED"


def test_a_cancel_in_this_process_stops_the_handler_at_once(calm: Stage):
    """The next regular heartbeat would come in an hour."""
    identity = calm.start(machine(a=task("step1")))

    def handler(event: object) -> Outcome:
        calm.executions.cancel(identity)
        until(lambda: calm.script.killed, "the handler is stopped")
        return Outcome(killed=True)

    calm.script.let("step1", handler)
    calm.loops.start()
    calm.work.run(*calm.take_queued())
    assert calm.status(identity) == "CANCELLED"


# Faults in a loop


@pytest.mark.parametrize("fault", [OperationalError("away"), RuntimeError("broken")])
def test_a_turn_that_fails_is_not_the_last(busy: Stage, monkeypatch, fault: Exception):
    monkeypatch.setattr("stepwell.runtime.outage.BREATH", 0)
    monkeypatch.setattr("stepwell.runtime.tasks.timers.LONGEST_SLEEP", 0.02)
    failures = [fault] * 6

    def shaky(ask: object) -> object:
        def asks(*args: object) -> object:
            if failures:
                raise failures.pop()
            return ask(*args)

        return asks

    for name in ("next_timer_ms", "lost_tasks"):
        monkeypatch.setattr(queries, name, shaky(getattr(queries, name)))
    lost, waits = busy.start(steps("step1")), busy.start(machine(w=WAIT))
    busy.claim(lost, busy.another_worker())
    busy.set(busy.task(lost), lease_until=LONG_AGO)
    busy.loops.start()
    ends(busy, waits)
    until(lambda: busy.task(lost).status == "QUEUED", "the task is queued again")
    assert not failures
