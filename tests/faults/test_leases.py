"""A worker keeps its lease while it lives, whatever the handler does; the lease ends soon after the worker."""

from __future__ import annotations

import signal
import time

import pytest

from stepwell.runtime.settings import Settings
from tests.faults.conftest import Measured
from tests.faults.stack import STEADY, Stack
from tests.services import until

LEASE_MS = round(float(STEADY["STEPWELL_LEASE_SECONDS"]) * 1000)
SLOW_MACHINE = 10.0


@pytest.mark.parametrize("how", ["regex", "sum", "sleep"])
def test_a_lease_is_kept_while_the_handler_is_busy_or_hangs(stack: Stack, how: str):
    stack.worker(**STEADY)
    identity = stack.start("works", data={"gate": "gate", "how": how})
    stack.handler_of(identity)
    first = stack.stage.task(identity).lease_until
    until(lambda: (stack.stage.task(identity).lease_until or 0) > first + LEASE_MS, f"it is renewed; {stack.said()}")
    stack.open("gate")
    stack.ends(identity)
    assert stack.stage.attempts(identity) == [(1, 1, "COMPLETED")] and stack.losses() == 0


def test_what_a_killed_worker_held_is_run_again_soon(stack: Stack, measured: Measured):
    settings = Settings()
    worker = stack.worker()
    identity = stack.start("works", data={"gate": "gate"})
    stack.handler_of(identity)
    other = stack.worker("other")
    other.says("Huey consumer started")
    began = time.monotonic()
    worker.send(signal.SIGKILL)
    until(lambda: stack.noted("began").total() == 2, f"it is run again; {stack.said()}")
    took = time.monotonic() - began
    measured(f"seconds from kill -9 to the next attempt, lease of {settings.lease_seconds:g} s", took)
    assert took < settings.lease_seconds + settings.sweep_seconds + SLOW_MACHINE
    stack.open("gate")
    stack.ends(identity)
    assert stack.stage.attempts(identity) == [(1, 1, "LOST"), (1, 2, "COMPLETED")]
