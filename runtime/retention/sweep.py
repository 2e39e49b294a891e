"""The thread of a worker that deletes what has ended. It has a thread of its own, so that it holds up nothing else."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from math import inf

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Retention
from stepwell.runtime.outage import one_turn
from stepwell.runtime.retention.executions import EndedExecutions
from stepwell.runtime.retention.files import Files
from stepwell.runtime.retention.versions import FlowVersions
from stepwell.runtime.settings import Settings

log = logging.getLogger("stepwell.retention")

DAY_MS = 24 * 3600 * 1000
REST = 4.0
"""How much longer than a piece of work the pause after it is: deleting takes a fifth of a connection at most."""
SHORTEST_PAUSE, IDLE_SECONDS = 0.02, 60.0
"""The pause after a piece, and the one after all is done, unless what is kept for less time is to go sooner."""
PIECES_AN_IDLE_TIME = 10


class RetentionSweep:
    """Deletes ended executions, unused versions and unpacked code, for as long as it runs.

    ``prune`` deletes unpacked code that nobody needs.
    """

    def __init__(self, settings: Settings, prune: Callable[[], None]) -> None:
        self._days = settings.retention_days
        self._prune = prune
        self._executions = EndedExecutions(Files(settings.artifacts_dir, settings.outbox_dir))
        self._versions = FlowVersions()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._rounds, name="stepwell-retention", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait up to 5 seconds for its current piece."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def run_once(self) -> int:
        """Delete all that is due, with the pauses between. Returns how many executions are gone."""
        days = kept_days(self._days)
        if days == inf:
            return 0
        with database.connection_context():
            before = queries.now() - int(days * DAY_MS)
        executions = 0
        while gone := self._all(lambda: self._executions.delete_some(before)):  # children go after their parents
            executions += gone
        versions = self._all(lambda: self._versions.delete_some(before))
        if executions or versions:
            log.info("deleted %s ended execution(s) and %s unused version(s) of flows", executions, versions)
        return executions

    def _all(self, piece: Callable[[], int | None]) -> int:
        """Do pieces until there is none left or the thread is to stop. Returns the sum of what they deleted."""
        total = 0
        while not self._stop.is_set():
            began = time.monotonic()
            gone = piece()
            if gone is None:
                break
            total += gone
            self._stop.wait(max(SHORTEST_PAUSE, REST * (time.monotonic() - began)))
        return total

    def _rounds(self) -> None:
        while not self._stop.wait(self._idle_seconds()):
            one_turn("retention", self.run_once)
            one_turn("unpacked code", self._prune)

    def _idle_seconds(self) -> float:
        """A minute, more or less, so that workers which started together do not all delete at the same moment."""
        shortest = (self._days or inf) * DAY_MS / 1000 / PIECES_AN_IDLE_TIME
        return min(IDLE_SECONDS, shortest) * random.uniform(0.5, 1.5)


def kept_days(setting: float | None) -> float:
    """For how many days ended executions are kept: as set, else as the database says; infinite keeps all."""
    if setting is not None:
        return setting
    with database.connection_context():
        row = Retention.select().first()
    return inf if row is None or row.days is None else float(row.days)
