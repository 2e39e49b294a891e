"""The loops of every worker process, each in a thread of its own: heartbeat, sweep, timers, retention.

Each worker process runs them, and none is a leader: rows are guarded, so two processes that see the same lost lease do
no harm. In an outage of the database a turn is skipped, and the next one comes.
"""

from __future__ import annotations

import logging
import threading

from stepwell.runtime.outage import one_turn
from stepwell.runtime.retention.sweep import RetentionSweep
from stepwell.runtime.settings import Settings
from stepwell.runtime.tasks.queue import Queue
from stepwell.runtime.tasks.signals import Signals
from stepwell.runtime.tasks.slot import Work
from stepwell.runtime.tasks.timers import Timers

log = logging.getLogger("stepwell.loops")


class Loops:
    """The threads beside a worker's slots. Starts and stops them."""

    def __init__(
        self,
        work: Work,
        timers: Timers,
        queue: Queue,
        signals: Signals,
        retention: RetentionSweep,
        settings: Settings,
    ) -> None:
        self._work = work
        self._retention = retention
        self._claims = work.claims
        self._timers = timers
        self._queue = queue
        self._beat_now = signals.heartbeat
        self._settings = settings
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        self._timers.start()
        self._retention.start()
        for loop in (self._heartbeats, self._sweeps):
            thread = threading.Thread(target=loop, name=f"stepwell-{loop.__name__.strip('_')}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End the threads, and wait up to 5 seconds for each one's current turn."""
        self._stop.set()
        self._beat_now.set()
        self._timers.stop()
        self._retention.stop()
        for thread in self._threads:
            thread.join(timeout=5)
        one_turn("presence", self._claims.leave)

    def _heartbeats(self) -> None:
        one_turn("presence", self._claims.present)
        # Presence comes before the first heartbeat: without its row, this worker's functions count as missing.
        while not self._stop.is_set():
            self._beat_now.wait(self._settings.heartbeat_seconds)
            # Cleared before the renewal: a cancellation that comes during it causes another turn at once.
            self._beat_now.clear()
            one_turn("heartbeat", self._work.heartbeat)
            one_turn("presence", self._claims.present)

    def _sweeps(self) -> None:
        while not self._stop.wait(self._settings.sweep_seconds):
            one_turn("sweep", self._sweep)

    def _sweep(self) -> None:
        self._claims.sweep()
        self._work.nested.sweep()
        # A worker that ends takes no more tasks; notifying again is left to the others.
        if self._work.draining.is_set():
            return
        waiting = self._claims.unclaimed(self._queue.heads())
        if waiting:
            log.info("%s task(s) have waited for long: notifying again", len(waiting))
            self._queue.notify_first(waiting)
