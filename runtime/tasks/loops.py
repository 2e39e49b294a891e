"""The rounds that every worker process makes, each in a thread of its own: heartbeat, sweep, and the timers.

They are plural and have no leader: rows are guarded, so two processes that see the same lost lease do no harm. While
the database is away a round is skipped, and the next one comes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from stepwell.runtime.outage import round_of
from stepwell.runtime.settings import Settings
from stepwell.runtime.tasks.claims import Tasks
from stepwell.runtime.tasks.slot import Work
from stepwell.runtime.tasks.timers import Timers

log = logging.getLogger("stepwell.rounds")


class Rounds:
    def __init__(
        self, tasks: Tasks, work: Work, timers: Timers, head: Callable[[], str | None], settings: Settings
    ) -> None:
        self._tasks = tasks
        self._executions = work.executions
        self._timers = timers
        self._work = work
        self._head = head
        self._settings = settings
        self._stop = threading.Event()
        self._beat_now = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin the rounds; the bell wakes them from now on."""
        self._executions.bell.drop_cancelled = self._beat_now.set  # type: ignore[method-assign]
        self._timers.start()
        for loop in (self._heartbeats, self._sweeps):
            thread = threading.Thread(target=loop, name=f"stepwell-{loop.__name__.strip('_')}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End the rounds, and wait for the ones under way."""
        self._stop.set()
        self._beat_now.set()
        self._timers.stop()
        for thread in self._threads:
            thread.join(timeout=5)
        round_of("presence", self._tasks.leave)

    def _heartbeats(self) -> None:
        round_of("presence", self._tasks.present)
        while not self._stop.is_set():
            self._beat_now.wait(self._settings.heartbeat_seconds)
            self._beat_now.clear()
            round_of("heartbeat", self._work.heartbeat)
            round_of("presence", self._tasks.present)

    def _sweeps(self) -> None:
        while not self._stop.wait(self._settings.sweep_seconds):
            round_of("sweep", self._sweep)

    def _sweep(self) -> None:
        self._tasks.sweep()
        self._work.nested.sweep()
        if self._work.draining.is_set():
            return
        waiting = self._tasks.unclaimed(self._head())
        if waiting:
            log.info("%s task(s) have waited for long: ringing again", len(waiting))
            self._executions.bell.ring_first(waiting)
