"""Cancel and pause, seen from the workers: waiting tasks do not start; running ones are killed, or finish."""

from __future__ import annotations

import signal
import time

import psutil
import pytest

from stepwell.runtime.settings import Settings
from tests.faults.conftest import Measured
from tests.faults.stack import QUICK, STEADY, Stack, is_gone
from tests.runtime.stage import machine, parallel, task
from tests.services import until

SLOW_MACHINE = 10.0
GATED = {"gate": "gate"}
ASL = {"data": GATED, "step": {"idempotencyKey.$": "$$.Execution.Name"}}


def test_what_is_cancelled_before_a_worker_sees_it_is_never_started(stack: Stack):
    cancelled, other = stack.start("works"), stack.start("works")
    stack.stage.executions.cancel(cancelled)
    stack.worker()
    stack.ends(other)
    stack.ends(stack.start("works"))
    assert not any(cancelled in key for key in stack.noted("began"))
    assert stack.stage.status(cancelled) == "CANCELLED" and stack.stage.left_open(cancelled) == []


@pytest.mark.parametrize("how", ["sleep", "regex"])
def test_what_runs_is_killed_within_a_heartbeat(stack: Stack, measured: Measured, how: str):
    web = stack.web()
    stack.worker()
    identity = stack.start("works", "works", data={**GATED, "how": how})
    handler = stack.handler_of(identity)
    began = time.monotonic()
    assert web.ask("POST", f"/executions/{identity}/cancel").status == 200
    until(lambda: is_gone(handler), "the handler is killed")
    took = time.monotonic() - began
    measured("seconds from cancel to the handler's death, heartbeat of 5 s", took)
    assert took < Settings().heartbeat_seconds + SLOW_MACHINE
    assert stack.stage.statuses(identity) == ["CANCELLED", "CANCELLED"]
    assert stack.stage.attempts(identity) == [(1, 1, "CANCELLED")] and stack.noted("ended") == {}


def test_branches_are_killed_with_their_execution(stack: Stack):
    stack.worker(**QUICK)
    branches = [machine(**{name: task("works", Parameters=ASL)}) for name in ("One", "Two", "Three")]
    identity = stack.stage.start(machine(Fan=parallel(*branches)))
    until(lambda: len(stack.notes()) == 3, f"three branches run; {stack.said()}")
    handlers = [psutil.Process(int(pid)) for _, _, pid in stack.notes()]
    stack.stage.executions.cancel(identity)
    until(lambda: all(is_gone(handler) for handler in handlers), "their handlers are killed")
    assert stack.stage.statuses(identity) == ["CANCELLED"] * 3 and stack.stage.left_open(identity) == []


def test_a_result_that_comes_after_the_cancel_is_dropped(stack: Stack):
    worker = stack.worker(**QUICK)
    identity = stack.start("works", data=GATED)
    stack.handler_of(identity)
    worker.send(signal.SIGSTOP)
    stack.stage.executions.cancel(identity)
    before = stack.stage.everything(identity)
    stack.open("gate")
    until(lambda: stack.noted("ended"), "the handler ends, and its worker does not know")
    worker.send(signal.SIGCONT)
    stack.ends(stack.start("works"))
    worker.stop()
    assert "dropped a late result" in worker.said() or "is no longer ours" in worker.said(), worker.said()
    assert stack.stage.everything(identity) == before


def test_a_pause_lets_what_runs_finish_and_starts_nothing(stack: Stack):
    stack.worker(**STEADY)
    running = stack.start("works", "works", data=GATED)
    stack.handler_of(running)
    stack.stage.executions.pause(running)
    waiting = stack.start("works")
    stack.open("gate")
    stack.ends(waiting)
    until(lambda: stack.stage.statuses(running) == ["COMPLETED", "QUEUED"], "what ran has finished")
    for _ in range(3):
        stack.ends(stack.start("works"))
    assert stack.stage.statuses(running) == ["COMPLETED", "QUEUED"] and stack.stage.task(running, 2).attempt == 0
    stack.stage.executions.resume(running)
    stack.ends(running)
    assert stack.stage.attempts(running) == [(1, 1, "COMPLETED"), (2, 1, "COMPLETED")]
