"""Live streams: answers that are sent piece by piece, whenever there is something new, and hold no thread meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition

MOST_UNSENT = 256 << 10
"""The most bytes that wait for a client. One that falls further behind is disconnected, and comes back by itself."""

Sink = Callable[[bytes | None], None]


class LiveStream:
    """The body of a WSGI response that any thread feeds. ``on_close`` is called once, when nobody reads it any more.

    Stepwell's server sends it without a thread. To any other server it is an iterable that blocks.
    """

    def __init__(self, on_close: Callable[[], None] = lambda: None) -> None:
        self._on_close = on_close
        self._changed = Condition()
        self._waiting: deque[bytes | None] = deque()
        self._sink: Sink = self._waiting.append
        self._has_ended = False
        self.is_closed = False

    def send(self, data: bytes) -> None:
        """Send this to the client. After the end it is dropped."""
        self._put(data)

    def end(self) -> None:
        """Send nothing more."""
        self._put(None)

    def attach(self, sink: Sink) -> None:
        """Hand everything to ``sink``, first what has waited; None is the end."""
        with self._changed:
            while self._waiting:
                sink(self._waiting.popleft())
            self._sink = sink

    def close(self) -> None:
        """Tell who feeds it that nobody reads any more."""
        with self._changed:
            was_closed, self.is_closed = self.is_closed, True
            self._changed.notify_all()
        if not was_closed:
            self._on_close()

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._next()) is not None:
            yield piece

    def _put(self, piece: bytes | None) -> None:
        with self._changed:
            if not (self._has_ended or self.is_closed):
                self._has_ended = piece is None
                self._sink(piece)
                self._changed.notify_all()

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.is_closed)
            return self._waiting.popleft() if self._waiting else None
