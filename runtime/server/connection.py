"""One client's connection: what has come, what is to be sent, and until when something must happen."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from enum import Enum, auto
from math import inf

from gunicorn.http.message import Request

from stepwell.runtime.server.request_body import ArrivingBody
from stepwell.runtime.server.stream import LiveStream

NOTHING = memoryview(b"")
Address = str | bytes | tuple[str, int]


class State(Enum):
    """What a connection is at. Only WORKING holds a thread; only in it a thread beside the server's changes it."""

    HEAD = auto()
    """Waits for a request's head, or has a part of it."""
    BODY = auto()
    WORKING = auto()
    ANSWER = auto()
    """Sends what the client has not taken yet."""
    STREAM = auto()
    """Sends a live stream."""
    REST = auto()
    """Is answered for the last time: what the client still sends is discarded."""
    CLOSED = auto()


@dataclass(frozen=True)
class Deadlines:
    """How long a client may take, in seconds, and the least bytes a second once that time is over."""

    head: float = 10.0
    body: float = 10.0
    rate: float = 1024.0
    keep_alive: float = 75.0

    def of_transfer(self, began: float, moved: int) -> float:
        """The latest time for the next bytes of a transfer that began at ``began`` and has ``moved`` bytes."""
        return began + self.body + moved / self.rate


@dataclass
class Answer:
    """What is sent to the client: ``data``, then the ``stream`` if there is one. ``keep`` the connection after it."""

    data: bytes
    keep: bool = False
    stream: LiveStream | None = None
    is_chunked: bool = False

    def framed(self, piece: bytes | None) -> bytes:
        """A piece of the stream as it is sent; None is its end."""
        if not self.is_chunked:
            return piece or b""
        return b"0\r\n\r\n" if piece is None else b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b""


class Connection:
    """A client's socket with its buffers. ``lock`` guards ``state`` and ``buffer`` while a thread works for it."""

    __slots__ = (
        *("answer", "body", "buffer", "client", "due", "ended", "events", "limit", "lock", "out", "request"),
        *("requests", "scanned", "sent", "server", "since", "sock", "state"),
    )

    def __init__(self, sock: socket.socket, client: Address, server: Address, now: float, due: float) -> None:
        self.sock = sock
        self.client = client
        self.server = server
        self.lock = threading.Lock()
        self.state = State.HEAD
        self.since = now
        self.due = due
        self.events = 0
        self.buffer = bytearray()
        self.scanned = 0
        """How much of the buffer is known to hold no end of a head."""
        self.ended = False
        """The client sends nothing more."""
        self.requests = 0
        self.request: Request | None = None
        self.body: ArrivingBody | None = None
        self.limit: int | None = None
        """The most bytes that the body may have; None until it is asked for."""
        self.out = NOTHING
        self.sent = 0
        self.answer: Answer | None = None

    def enter(self, state: State, now: float, due: float = inf) -> None:
        """Begin another state, which must end until ``due``."""
        self.state, self.since, self.due = state, now, due

    @property
    def is_idle(self) -> bool:
        """Whether the next request has not begun yet."""
        return self.state is State.HEAD and not self.buffer

    def send(self, data: bytes | memoryview) -> int:
        """Send as much as the system takes at once. Raises OSError when the client is gone."""
        try:
            return self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0

    def drop_body(self) -> None:
        """Free what was kept of the body."""
        body, self.body = self.body, None
        if body is not None:
            body.close()
