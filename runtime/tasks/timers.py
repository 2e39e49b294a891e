"""The timer thread: sleeps until the earliest due time in the database, and fires the due timers.

Every process that sets timers has one, web processes too: a move that writes a timer wakes the thread of its own
process. All threads look at least every two seconds, so a timer fires at most that late when the process that
wrote it has died. Two threads that fire the same timer do no harm: the first to delete its row fires it.
"""

from __future__ import annotations

import logging
import random
import threading
from functools import partial

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.runtime.executions import Executions
from stepwell.runtime.outage import one_by_one, one_turn
from stepwell.runtime.tasks.signals import Signals

log = logging.getLogger("stepwell.timers")

LONGEST_SLEEP = 2.0
"""Seconds between two looks when no timer of this process is due earlier."""


class Timers:
    """The timer thread of one process. Starts and stops it."""

    def __init__(self, executions: Executions, signals: Signals) -> None:
        self._executions = executions
        self._stopping = threading.Event()
        self._set = signals.timers
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="stepwell-timers", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait up to 5 seconds for the timers that it fires just now."""
        self._stopping.set()
        self._set.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._set.clear()  # before the look: a timer written after it sets the event again
            pause = one_turn("timers", self._fire_due)
            self._set.wait(LONGEST_SLEEP if pause is None else min(pause, LONGEST_SLEEP))

    def _fire_due(self) -> float | None:
        """Fire all due timers. Returns the seconds until the next is due; None when there is none, or one failed."""
        with database.connection_context():
            due = queries.due_timers()
        random.shuffle(due)  # so that processes which see the same timers do not queue for the same rows
        if not one_by_one("timers", [partial(self._executions.fire, timer) for timer in due]):
            return None
        with database.connection_context():
            # Read after the firing, because the moves may have set earlier timers.
            left = queries.next_timer_ms()
        return None if left is None else max(left, 0) / 1000
