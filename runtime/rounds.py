"""The three rounds that every worker process makes, each in a thread of its own: heartbeat, timers, sweep.

They are plural and have no leader: rows are guarded, so two processes that see the same due timer or the same lost
lease do no harm. While the database is away a round is skipped, and the next one comes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from db import queries
from db.database import database
from runtime.executions import Executions
from runtime.settings import Settings
from runtime.tasks import Tasks
from runtime.work import AWAY, Work

log = logging.getLogger("stepwell.rounds")

LONGEST_SLEEP = 2.0


class Rounds:
    def __init__(
        self, tasks: Tasks, executions: Executions, work: Work, queue_size: Callable[[], int], settings: Settings
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._work = work
        self._queue_size = queue_size
        self._settings = settings
        self._stop = threading.Event()
        self._timer_set = threading.Event()
        self._beat_now = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin the rounds; the bell wakes them from now on."""
        bell = self._executions.bell
        bell.wake_timers = self._timer_set.set  # type: ignore[method-assign]
        bell.drop_cancelled = self._beat_now.set  # type: ignore[method-assign]
        for loop in (self._heartbeats, self._timers, self._sweeps):
            thread = threading.Thread(target=loop, name=f"stepwell-{loop.__name__.strip('_')}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End the rounds, and wait for the ones under way."""
        self._stop.set()
        self._timer_set.set()
        self._beat_now.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _heartbeats(self) -> None:
        while not self._stop.is_set():
            self._beat_now.wait(self._settings.heartbeat_seconds)
            self._beat_now.clear()
            if self._work.running():
                _once("heartbeat", lambda: self._work.keep_only(self._tasks.heartbeat()))

    def _timers(self) -> None:
        while not self._stop.is_set():
            self._timer_set.clear()
            pause = _once("timers", self._fire_due)
            self._timer_set.wait(LONGEST_SLEEP if pause is None else min(pause, LONGEST_SLEEP))

    def _fire_due(self) -> float | None:
        """Fire what is due; how long, in seconds, until the next timer is."""
        with database.connection_context():
            due = queries.due_timers()
        for timer in due:
            self._executions.fire(*timer)
        with database.connection_context():
            left = queries.next_timer_ms()
        return None if left is None else max(left, 0) / 1000

    def _sweeps(self) -> None:
        while not self._stop.wait(self._settings.sweep_seconds):
            _once("sweep", self._sweep)

    def _sweep(self) -> None:
        self._tasks.sweep()
        waiting = self._tasks.unclaimed()
        if waiting and not self._work.draining.is_set() and self._queue_is_empty():
            log.info("%s task(s) wait for a claim and the queue is empty: ringing again", len(waiting))
            self._executions.bell.ring(waiting)

    def _queue_is_empty(self) -> bool:
        try:
            return self._queue_size() == 0
        except OSError:
            return False


def _once(name: str, act: Callable[[], float | None]) -> float | None:
    """One round. Nothing that goes wrong in it may end the thread."""
    try:
        return act()
    except AWAY as fault:
        log.warning("%s: the database is away (%s)", name, type(fault).__name__)
    except Exception:
        log.exception("%s: the round failed", name)
    time.sleep(0.1)
    return None
