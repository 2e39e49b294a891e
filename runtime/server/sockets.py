"""The loop of the one thread that holds all connections: it accepts, watches and closes them, and keeps deadlines."""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from stepwell.runtime.server.capacity import Capacity, within_files
from stepwell.runtime.server.connection import Connection, Deadlines, State

log = logging.getLogger("stepwell.http")

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
TURN_SECONDS = 0.25
"""How often deadlines are looked at."""
IDLE_TURN_SECONDS = 1.0
"""How often the loop turns without a connection."""
IDLE_AT_STOP_SECONDS = 1.0
"""How long a stopping server still takes the next request of a connection that it has kept."""
AT_ONCE = 64 << 10
_ACCEPTED_AT_ONCE = 64
_BUSY = (State.WORKING, State.STREAM)


class SocketLoop(ABC):
    """Connections, and the selector that tells when one is ready. What is done for one, the subclass says."""

    def __init__(self, listeners: Sequence[socket.socket], deadlines: Deadlines, capacity: Capacity) -> None:
        self._listeners = listeners
        self._deadlines = deadlines
        self._capacity = within_files(capacity)
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._calls: deque[Callable[[], None]] = deque()
        self._woken, self._wake = socket.socketpair()
        self._is_accepting = False
        self._stops_at: float | None = None
        self._looks_at = 0.0

    @abstractmethod
    def _transfer(self, connection: Connection, events: int) -> None:
        """Receive or send: the socket is ready for it."""

    @abstractmethod
    def _is_overdue(self, connection: Connection) -> None:
        """End what has not happened in time."""

    @abstractmethod
    def _closes(self, connection: Connection) -> None:
        """Let go of what belongs to a connection that is being closed."""

    @abstractmethod
    def _stopping(self) -> None:
        """The loop begins to stop."""

    def stop(self, grace_seconds: float) -> None:
        """Accept nothing more, and let ``run`` return when all requests are answered, or this time is over.

        Any thread may call this, and a signal handler.
        """
        self._call(partial(self._begin_to_stop, grace_seconds))

    def run(self, turn: Callable[[], None] = lambda: None) -> None:
        """Serve. ``turn`` is called several times a second."""
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._selector.register(self._woken, READ)
        self._accept_more(True)
        while not self._has_stopped():
            for key, events in self._selector.select(TURN_SECONDS if self._connections else IDLE_TURN_SECONDS):
                self._is_ready(key, events)
            while self._calls:
                self._calls.popleft()()
            # Not at each turn: it costs a look at every connection.
            if (now := time.monotonic()) >= self._looks_at:
                self._looks_at = now + TURN_SECONDS
                self._expire(now)
                # There may be somebody to make room by now.
                self._accept_more(self._stops_at is None)
                turn()
        self._close_all()

    def _call(self, function: Callable[[], None]) -> None:
        """Let the loop's thread call this. Any thread may use it."""
        self._calls.append(function)
        # When it is full, the thread wakes up anyway; when it is closed, nobody is left to be told.
        with suppress(OSError):
            self._wake.send(b"\0")

    def _is_ready(self, key: selectors.SelectorKey, events: int) -> None:
        if isinstance(key.data, Connection):
            self._guarded(key.data, self._transfer, events)
        elif key.fileobj is self._woken:
            self._woken.recv(AT_ONCE)
        elif isinstance(key.fileobj, socket.socket):
            self._accept(key.fileobj)

    def _guarded(self, connection: Connection, act: Callable[..., None], *arguments: Any) -> None:
        """Do something for one connection. A fault costs this connection alone."""
        try:
            if connection.state is not State.CLOSED:
                act(connection, *arguments)
        except OSError:
            self._close(connection)
        except Exception:
            log.exception("a connection failed")
            self._close(connection)

    def _accept_more(self, wanted: bool) -> None:
        for listener in self._listeners if wanted != self._is_accepting else ():
            if wanted:
                listener.setblocking(False)
                self._selector.register(listener, READ)
            else:
                self._selector.unregister(listener)
        self._is_accepting = wanted

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, client = listener.accept()
            except OSError as fault:
                if fault.errno in (errno.EMFILE, errno.ENFILE):
                    self._make_room()
                return
            newest = self._greet(sock, client, listener)
            if len(self._connections) > self._capacity.connections and not self._make_room(newest):
                return self._accept_more(False)

    def _greet(self, sock: socket.socket, client: Any, listener: socket.socket) -> Connection:
        sock.setblocking(False)
        with suppress(OSError):
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        now = time.monotonic()
        connection = Connection(sock, client, listener.getsockname(), now, now + self._deadlines.head)
        self._connections.add(connection)
        self._watch(connection, READ)
        return connection

    def _make_room(self, newest: Connection | None = None) -> bool:
        """Close those that have been at the same thing for longest, without a thread. False if there are none.

        Without this, a client could open all connections that are allowed and keep all others out.
        """
        others = (one for one in self._connections if one.state not in _BUSY and one is not newest)
        parked = sorted(others, key=lambda one: one.since)
        # Some at a time: each look for the oldest costs a look at all.
        for connection in parked[: max(1, self._capacity.connections // 50)]:
            self._close(connection)
        return bool(parked)

    def _close(self, connection: Connection) -> None:
        with connection.lock:
            # Its thread still uses the socket, and finds out by itself.
            if connection.state is State.WORKING and not self._has_stopped():
                connection.ended = True
                return self._watch(connection, 0)
            connection.enter(State.CLOSED, 0.0)
        self._watch(connection, 0)
        self._connections.discard(connection)
        self._closes(connection)
        connection.sock.close()
        if self._stops_at is None:
            self._accept_more(True)

    def _watch(self, connection: Connection, events: int) -> None:
        if events == connection.events:
            return
        if not connection.events:
            self._selector.register(connection.sock, events, connection)
        elif events:
            self._selector.modify(connection.sock, events, connection)
        else:
            self._selector.unregister(connection.sock)
        connection.events = events

    def _expire(self, now: float) -> None:
        for connection in [one for one in self._connections if one.due <= now]:
            self._guarded(connection, self._is_overdue)

    def _begin_to_stop(self, grace_seconds: float) -> None:
        if self._stops_at is not None:
            return
        now = time.monotonic()
        self._stops_at = now + grace_seconds
        self._accept_more(False)
        for listener in self._listeners:
            listener.close()
        self._stopping()
        for connection in list(self._connections):
            if connection.state is State.STREAM:
                self._close(connection)
            # A client may be sending its next request already: it is answered, and told that it is the last.
            elif connection.state in (State.HEAD, State.REST):
                connection.due = min(connection.due, now + IDLE_AT_STOP_SECONDS)

    def _has_stopped(self) -> bool:
        return self._stops_at is not None and (not self._connections or time.monotonic() >= self._stops_at)

    def _close_all(self) -> None:
        for connection in list(self._connections):
            self._close(connection)
        self._selector.close()
        self._woken.close()
        self._wake.close()
