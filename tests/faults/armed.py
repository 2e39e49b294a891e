"""A worker that dies as soon as it is about to run ``poison``: ``huey_consumer tests.faults.armed.huey``."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any

from stepwell.runtime import worker
from stepwell.runtime.crashpoints import arm
from stepwell.runtime.tasks.slot import Work


def __getattr__(name: str) -> Any:
    if name != "huey":
        raise AttributeError(name)
    huey = worker.huey
    arm("handler.before", partial(_die_of_poison, huey.work))
    return huey


def _die_of_poison(work: Work) -> None:
    if any(claim.function == "poison" for claim in work.running()):
        os.kill(os.getpid(), signal.SIGKILL)
