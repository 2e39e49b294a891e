"""The watchdog closes connections to a PostgreSQL that takes a statement and never answers.

That server is frozen, or packets to it are lost. Only time shows the difference to a slow one, and a blocked thread
cannot look at the clock. So one thread of the process watches all connections and closes the socket of each that has
waited for an answer for ANSWER_SECONDS. The blocked thread then sees a broken connection, and reads the outcome back.
ANSWER_SECONDS is longer than ``statement_timeout``, after which a server that works has answered.
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

ANSWER_SECONDS = 12.0
LOOK_SECONDS = 0.5


class Watch:
    """The connections of this process that wait for their server, with the time at which each began to."""

    def __init__(self) -> None:
        self._waiting: dict[WatchedConnection, float] = {}
        self._lock = threading.Lock()
        self._process = 0

    def during(self, busy: WatchedConnection, act: Callable[[], Answer]) -> Answer:
        """Call ``act``, which waits for this connection's server, and return its result."""
        with self._lock:
            self._waiting[busy] = time.monotonic()
        self._begin()
        try:
            return act()
        finally:
            with self._lock:
                del self._waiting[busy]

    def look(self) -> None:
        """Close the socket of each connection that has waited too long.

        It holds the lock, so that no connection is given back, and its socket reused, while it is being closed.
        """
        now = time.monotonic()
        with self._lock:
            # ``patience`` is the connection's own: a test of a rested connection gives its server less time, a
            # migration more.
            for stuck in [one for one, since in self._waiting.items() if now - since > one.patience]:
                _hang_up(stuck)

    def _begin(self) -> None:
        """Start this process's thread with its first statement: a thread does not outlive a fork."""
        if self._process != os.getpid():
            self._process = os.getpid()
            threading.Thread(target=self._looks, name="stepwell-watchdog", daemon=True).start()

    def _looks(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()


watch = Watch()


class WatchedCursor(cursor):
    def execute(self, query: Any, values: Any = None) -> None:
        watch.during(self.connection, partial(super().execute, query, values))


class WatchedConnection(connection):
    """A connection that breaks if its server gives no answer for ``patience`` seconds.

    ``prepared`` holds the names of the statements that were prepared on it.
    """

    patience: float = ANSWER_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: set[str] = set()

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("cursor_factory", WatchedCursor)
        return super().cursor(*args, **kwargs)

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Give the server this many seconds for each statement of the block."""
        self.patience = seconds
        try:
            yield
        finally:
            # The class's value counts again.
            del self.patience


def _hang_up(stuck: connection) -> None:
    # A copy of the descriptor: closing the socket object must not close the one that libpq still reads. shutdown()
    # reaches both.
    with suppress(OSError, InterfaceError), socket.socket(fileno=os.dup(stuck.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
