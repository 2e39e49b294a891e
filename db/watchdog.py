"""A PostgreSQL that takes a statement and never answers: it is frozen, or the net between has a hole.

Nothing tells it from a slow one but time, and a blocked thread cannot look at the time itself. One thread of the
process does it for all, and hangs up on a connection whose statement has had no answer for SILENT_SECONDS: to whoever
waits this is a connection that broke, with an outcome that is to be read back. It gives the server longer than
``statement_timeout`` does, after which one that lives has answered.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from psycopg2 import InterfaceError
from psycopg2.extensions import connection, cursor

Answer = TypeVar("Answer")

SILENT_SECONDS = 12.0
LOOK_SECONDS = 0.5


class Watch:
    """The connections of this process that wait for the server, each since when."""

    def __init__(self) -> None:
        self._asked: dict[WatchedConnection, float] = {}
        self._lock = threading.Lock()
        self._process = 0

    def during(self, asked: WatchedConnection, act: Callable[[], Answer]) -> Answer:
        """Do what makes this connection wait."""
        with self._lock:
            self._asked[asked] = time.monotonic()
        self._begin()
        try:
            return act()
        finally:
            with self._lock:
                del self._asked[asked]

    def look(self) -> None:
        """Hang up on those that have waited too long; under the lock, so that none can be closed meanwhile."""
        now = time.monotonic()
        with self._lock:
            for silent in [one for one, asked in self._asked.items() if now - asked > one.patience]:
                _hang_up(silent)

    def _begin(self) -> None:
        """A thread does not outlive a fork: each process begins its own, with its first statement."""
        if self._process != os.getpid():
            self._process = os.getpid()
            threading.Thread(target=self._looks, name="stepwell-silence", daemon=True).start()

    def _looks(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()


watch = Watch()


class WatchedCursor(cursor):
    def execute(self, query: Any, values: Any = None) -> None:
        watch.during(self.connection, partial(super().execute, query, values))


class WatchedConnection(connection):
    """A connection that breaks when its server does not answer for so many seconds. It knows what it has prepared."""

    patience: float = SILENT_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: set[str] = set()

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("cursor_factory", WatchedCursor)
        return super().cursor(*args, **kwargs)

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Give the server so long for each statement of this block."""
        self.patience = seconds
        try:
            yield
        finally:
            del self.patience


def _hang_up(silent: connection) -> None:
    with suppress(OSError, InterfaceError), socket.socket(fileno=os.dup(silent.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
