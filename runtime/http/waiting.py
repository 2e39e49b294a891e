"""Requests that wait: long polls, and those that wait for a function's end.

Each holds a thread for long. So they are bounded, all kinds together, and a server gives the thread's work to another
thread meanwhile: what waits keeps no other request from being answered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stepwell.functions.errors import StepwellError

_local = threading.local()


@dataclass
class RequestThread:
    """The thread of one request: ``begin_to_wait`` is called once, before the first wait."""

    begin_to_wait: Callable[[], None]
    has_waited: bool = False

    def waits(self) -> None:
        if not self.has_waited:
            self.has_waited = True
            self.begin_to_wait()


@contextmanager
def in_thread_of(begin_to_wait: Callable[[], None]) -> Iterator[RequestThread]:
    """Inside, a request that begins to wait in this thread calls ``begin_to_wait``."""
    _local.thread = thread = RequestThread(begin_to_wait)
    try:
        yield thread
    finally:
        _local.thread = None


class WaitingLimit:
    """At most ``most`` requests wait at a time in this process. A quarter of the places is not for polls."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._polls = most - most // 4
        self._taken = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @contextmanager
    def place(self, refusal: StepwellError) -> Iterator[None]:
        """Wait inside. Raises the refusal at once when all places are taken."""
        if not self._take(self.most):
            raise refusal
        try:
            yield
        finally:
            self._give_back()

    @contextmanager
    def place_of_poll(self) -> Iterator[bool]:
        """Poll inside. Yields False at once, when there is no place for another poll."""
        if not self._take(self._polls):
            yield False
            return
        try:
            yield True
        finally:
            self._give_back()

    def pause(self, seconds: float) -> bool:
        """Wait between two looks of a poll. False when the process ends: then polls end, too."""
        return not self._ended.wait(seconds)

    def end_polls(self) -> None:
        """Let polls end at their next pause, and any later one at once."""
        self._ended.set()

    def _take(self, most: int) -> bool:
        with self._lock:
            if self._taken >= most:
                return False
            self._taken += 1
        thread = getattr(_local, "thread", None)
        if thread is not None:
            thread.waits()
        return True

    def _give_back(self) -> None:
        with self._lock:
            self._taken -= 1
