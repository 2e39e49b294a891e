"""The timer thread: sleeps until the earliest due time in the database, and fires what is due.

Every process that sets timers has one, web processes too: who sets a timer wakes its own. All look at least every two
seconds besides, so a timer whose setter died is at most that late. Two that fire the same timer do no harm: its row
decides.
"""

from __future__ import annotations

import logging
import random
import threading
from functools import partial

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.runtime.executions import Executions
from stepwell.runtime.outage import one_by_one, round_of

log = logging.getLogger("stepwell.timers")

LONGEST_SLEEP = 2.0


class Timers:
    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        self._stopping = threading.Event()
        self._set = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless it has begun; the bell wakes it from now on."""
        if self._thread is None:
            self._executions.bell.wake_timers = self._set.set  # type: ignore[method-assign]
            self._thread = threading.Thread(target=self._loop, name="stepwell-timers", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, after the timers that are being fired."""
        self._stopping.set()
        self._set.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._set.clear()
            pause = round_of("timers", self._fire_due)
            self._set.wait(LONGEST_SLEEP if pause is None else min(pause, LONGEST_SLEEP))

    def _fire_due(self) -> float | None:
        """Fire what is due; how long, in seconds, until the next timer is, None when there is none or one failed."""
        with database.connection_context():
            due = queries.due_timers()
        random.shuffle(due)  # so that processes which see the same timers do not queue for the same rows
        if not one_by_one("timers", [partial(self._executions.fire, timer) for timer in due]):
            return None
        with database.connection_context():
            left = queries.next_timer_ms()
        return None if left is None else max(left, 0) / 1000
