"""Threads for requests: a fixed number works, and any that begins to wait is replaced meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from stepwell.runtime.http import waiting

log = logging.getLogger("stepwell.http")

Job = Callable[[], None]


class WorkingThreads:
    """Runs jobs, in their order, ``most`` at a time. A job that waits (``runtime.http.waiting``) does not count."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0

    @property
    def threads(self) -> int:
        """The threads that work, or could at once. Those that wait are not counted."""
        return self._threads

    def submit(self, job: Job) -> None:
        """Run a job as soon as a thread is free. Any thread may call this."""
        # The job first: a thread that begins to wait right now either sees it or leaves room for a thread here.
        self._jobs.put(job)
        if self._threads < self._most:
            self._add_thread()

    def close(self) -> None:
        """End the threads once they have nothing to do."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _add_thread(self) -> None:
        with self._lock:
            if self._threads >= self._most:
                return
            self._threads += 1
        # Daemons: a handler that hangs may not keep a process from ending.
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            with waiting.in_thread_of(self._is_waiting) as thread:
                try:
                    job()
                except Exception:
                    log.exception("a request failed outside its handler")
            if thread.has_waited and not self._returned():
                return

    def _is_waiting(self) -> None:
        """A job of this thread begins to wait."""
        with self._lock:
            self._threads -= 1
        if not self._jobs.empty():
            self._add_thread()

    def _returned(self) -> bool:
        """Whether a thread that has waited is needed again."""
        with self._lock:
            if self._threads >= self._most:
                return False
            self._threads += 1
            return True
