"""The HTTP server of the web process and of the emulator.

One thread holds all connections. It reads a request until it is whole, and only then hands it to a working thread; it
also sends what a slow client does not take at once. So a client that is silent or slow holds a socket until its
deadline, and never a thread. The parser and the WSGI environment are gunicorn's.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from gunicorn.config import Config
from gunicorn.http import errors
from gunicorn.http.message import Request

from stepwell.functions.errors import InvalidRequest, RequestTimeout, Unavailable
from stepwell.runtime.server import response
from stepwell.runtime.server.capacity import Application, Capacity
from stepwell.runtime.server.connection import NOTHING, Answer, Connection, Deadlines, State
from stepwell.runtime.server.request_body import Received, body_of
from stepwell.runtime.server.response import Observer
from stepwell.runtime.server.sockets import AT_ONCE, READ, WRITE, SocketLoop
from stepwell.runtime.server.stream import MOST_UNSENT, LiveStream
from stepwell.runtime.server.threads import WorkingThreads

log = logging.getLogger("stepwell.http")

HEAD_BYTES = 64 << 10
"""The longest head of a request."""
SMALL_BODY = 64 << 10
"""A body up to this length is received before the application is asked whether it wants it."""
DISCARDED = 16 << 20
"""The most bytes that are read after a last answer, so that a client that still sends a body gets it."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Server(SocketLoop):
    """Answers requests on these listening sockets, from ``run`` until ``stop``."""

    def __init__(
        self,
        app: Application,
        listeners: Sequence[socket.socket],
        config: Config,
        observer: Observer,
        deadlines: Deadlines,
        capacity: Capacity,
    ) -> None:
        super().__init__(listeners, deadlines, capacity)
        self._app = app
        self._config = config
        self._observer = observer
        self._threads = WorkingThreads("stepwell-request", capacity.threads)
        self._own_threads = {path: WorkingThreads(f"stepwell{path}", 1) for path in app.own_threads}
        self._answer_bytes = 0

    def _stopping(self) -> None:
        self._app.stopping()

    def _close_all(self) -> None:
        super()._close_all()
        for threads in (self._threads, *self._own_threads.values()):
            threads.close()

    def _closes(self, connection: Connection) -> None:
        connection.drop_body()
        self._set_out(connection, NOTHING)
        if connection.answer is not None and connection.answer.stream is not None:
            connection.answer.stream.close()

    def _is_overdue(self, connection: Connection) -> None:
        is_asked = connection.state is State.BODY or (connection.state is State.HEAD and connection.buffer)
        if not is_asked or connection.ended:
            return self._close(connection)
        self._refuse(connection, response.refusal(RequestTimeout()))

    # What comes

    def _transfer(self, connection: Connection, events: int) -> None:
        if events & WRITE:
            self._send_more(connection)
        if events & READ and connection.events & READ:
            self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        data = b""
        try:
            data = connection.sock.recv(AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass  # the client is gone: that is an end, too
        if connection.state in (State.REST, State.STREAM):
            return self._discard(connection, len(data))
        with connection.lock:
            connection.buffer += data
            connection.ended = not data
            is_waited_for = connection.state in (State.HEAD, State.BODY)
        if connection.ended or (not is_waited_for and len(connection.buffer) > HEAD_BYTES):
            self._watch(connection, connection.events & ~READ)
        if is_waited_for:
            self._advance(connection)

    def _discard(self, connection: Connection, size: int) -> None:
        if connection.state is State.REST:
            connection.sent += size
            connection.due = self._deadlines.of_transfer(connection.since, connection.sent)
        if not size or (connection.state is State.REST and connection.sent > DISCARDED):
            self._close(connection)

    def _advance(self, connection: Connection) -> None:
        """Go on with what has come. A request that is whole goes to a thread."""
        if connection.state is State.HEAD:
            self._take_head(connection)
        elif connection.state is State.BODY:
            self._take_body(connection)

    def _take_head(self, connection: Connection) -> None:
        buffer, now = connection.buffer, time.monotonic()
        if not buffer:
            if connection.ended or self._stops_at is not None:
                self._close(connection)
            return
        if not connection.scanned and connection.requests:
            connection.enter(State.HEAD, now, now + self._deadlines.head)
        found = buffer.find(b"\r\n\r\n", max(0, connection.scanned - 3))
        end = found + 4 if found >= 0 else 0
        connection.scanned = len(buffer)
        if not end:
            if connection.ended or self._has_endless_line(buffer):
                end = len(buffer)
            elif len(buffer) <= HEAD_BYTES:
                return
        if not 0 < end <= HEAD_BYTES:
            return self._refuse(
                connection, response.refusal(InvalidRequest(f"The head is longer than {HEAD_BYTES} bytes."), 431)
            )
        head = bytes(buffer[:end])
        del buffer[:end]
        self._parse(connection, head)

    def _has_endless_line(self, buffer: bytearray) -> bool:
        most: int = self._config.limit_request_line
        return len(buffer) > most + 2 and buffer.find(b"\r\n", 2, most + 4) < 0

    def _parse(self, connection: Connection, head: bytes) -> None:
        connection.requests += 1
        connection.scanned = 0
        try:
            request = Request(self._config, Received(head), connection.client, connection.requests)
        except (errors.NoMoreData, StopIteration):
            return self._close(connection)
        except errors.ParseException as fault:
            log.debug("refused a request of %s: %s", connection.client, fault)
            return self._refuse(connection, response.refusal_of(fault))
        connection.request, connection.limit = request, None
        connection.body = body_of(request)
        if connection.body is None:
            return self._hand_over(connection)
        now = time.monotonic()
        connection.enter(State.BODY, now, self._deadlines.of_transfer(now, 0))
        self._take_body(connection)

    def _take_body(self, connection: Connection) -> None:
        body = connection.body
        assert body is not None
        try:
            body.take(connection.buffer)
        except OSError:
            log.warning("no room for the body of a request")
            return self._refuse(connection, response.refusal(Unavailable("There is no room for the body.")))
        connection.due = self._deadlines.of_transfer(connection.since, body.received)
        if body.is_whole or body.is_malformed or connection.ended or not self._is_wanted(connection):
            self._hand_over(connection)
        elif body.received > SMALL_BODY and self._bodies() > self._capacity.body_bytes:
            self._refuse(connection, response.refusal(Unavailable("Too many bodies are on their way. Try again.")))

    def _bodies(self) -> int:
        return sum(body.received for one in self._connections if (body := one.body) is not None)

    def _is_wanted(self, connection: Connection) -> bool:
        """Whether more of a body may come. A large one is announced to the application, which may refuse it at once."""
        body, request = connection.body, connection.request
        assert body is not None and request is not None
        expects = expects_continue(request)
        if connection.limit is None and (expects or max(body.length or 0, body.received) > SMALL_BODY):
            connection.limit = self._app.body_limit(request)
            if expects and connection.limit >= (body.length or 1) and not body.received:
                connection.send(CONTINUE)
        return connection.limit is None or not ((body.length or 0) > connection.limit or body.exceeds(connection.limit))

    # A request is whole

    def _hand_over(self, connection: Connection) -> None:
        """Let a thread answer the request."""
        request, body = connection.request, connection.body
        assert request is not None
        is_whole = body is None or body.is_whole
        if body is not None:
            body.rewind()
            request.unreader.body = body
        connection.enter(State.WORKING, time.monotonic())
        threads = self._own_threads.get(request.path, self._threads)
        threads.submit(partial(self._work, connection, is_whole))

    def _work(self, connection: Connection, is_whole: bool) -> None:
        """Answer the request, in a working thread. After one that is not whole, the connection closes."""

        def may_keep() -> bool:
            return is_whole and self._stops_at is None and self._deadlines.keep_alive > 0

        try:
            answer = response.answer_of(self._app.wsgi, self._config, connection, may_keep, self._observer)
            answer.keep = answer.keep and is_read(connection.request)
        except Exception as fault:
            if not response.is_of_client(fault):
                log.exception("the application failed")
            answer = Answer(response.refusal_of(fault))
        connection.drop_body()
        connection.request = None
        has_more = False
        # What the client takes at once is sent here: that spares the server's own thread a turn for each request. And
        # under the lock, for the client's next request may be there before this thread comes to the next line.
        with connection.lock:
            sent = 0
            with suppress(OSError):
                sent = connection.send(answer.data)
            is_done = answer.keep and sent == len(answer.data)
            if is_done:
                connection.enter(State.HEAD, *self._next_request())
                has_more = bool(connection.buffer) or connection.ended or self._stops_at is not None
        if not is_done:
            self._call(partial(self._guarded, connection, self._has_answered, answer, sent))
        elif has_more:
            self._call(partial(self._guarded, connection, self._go_on))

    def _next_request(self) -> tuple[float, float]:
        """From now, and until when, a client may begin its next request."""
        now = time.monotonic()
        return now, now + self._deadlines.keep_alive

    # What is sent

    def _refuse(self, connection: Connection, data: bytes) -> None:
        """Answer without the application, and close the connection."""
        connection.drop_body()
        self._has_answered(connection, Answer(data), connection.send(data))

    def _has_answered(self, connection: Connection, answer: Answer, sent: int) -> None:
        now = time.monotonic()
        connection.enter(State.ANSWER, now, self._deadlines.of_transfer(now, sent))
        self._set_out(connection, memoryview(answer.data)[sent:])
        # The bytes go with the last of them that is sent: a connection may be kept for long.
        answer.data = b""
        connection.answer, connection.sent = answer, sent
        self._send_more(connection)
        if self._answer_bytes > self._capacity.answer_bytes:
            self._close(min((one for one in self._connections if one.out), key=lambda one: one.since))

    def _set_out(self, connection: Connection, out: memoryview) -> None:
        self._answer_bytes += len(out) - len(connection.out)
        connection.out = out or NOTHING

    def _send_more(self, connection: Connection) -> None:
        if connection.out:
            sent = connection.send(connection.out)
            connection.sent += sent
            self._set_out(connection, connection.out[sent:])
        if connection.out:
            self._watch(connection, connection.events | WRITE)
        else:
            self._watch(connection, connection.events & ~WRITE)
        if connection.state is State.ANSWER:
            connection.due = self._deadlines.of_transfer(connection.since, connection.sent)
            if not connection.out:
                self._has_sent(connection)

    def _has_sent(self, connection: Connection) -> None:
        answer = connection.answer
        assert answer is not None
        if answer.stream is not None:
            self._begin_stream(connection, answer.stream)
        elif answer.keep:
            connection.enter(State.HEAD, *self._next_request())
            self._go_on(connection)
        else:
            self._rest(connection)

    def _go_on(self, connection: Connection) -> None:
        if not connection.ended:
            self._watch(connection, connection.events | READ)
        self._advance(connection)

    def _rest(self, connection: Connection) -> None:
        """Tell the client that all is said, and wait for it to close: what it still sends would else cost it the
        answer."""
        if connection.ended:
            return self._close(connection)
        connection.sock.shutdown(socket.SHUT_WR)
        now = time.monotonic()
        connection.buffer.clear()
        connection.sent = 0
        connection.enter(State.REST, now, self._deadlines.of_transfer(now, 0))
        self._watch(connection, READ)

    # Live streams

    def _begin_stream(self, connection: Connection, stream: LiveStream) -> None:
        if self._stops_at is not None or connection.ended:
            return self._close(connection)
        connection.enter(State.STREAM, time.monotonic())
        connection.buffer.clear()
        self._watch(connection, READ)
        stream.attach(lambda piece: self._call(partial(self._guarded, connection, self._stream, piece)))

    def _stream(self, connection: Connection, piece: bytes | None) -> None:
        answer = connection.answer
        if connection.state is not State.STREAM or answer is None:
            return
        data = answer.framed(piece)
        if len(connection.out) + len(data) > MOST_UNSENT:
            return self._close(connection)
        self._set_out(connection, memoryview(bytes(connection.out) + data))
        if piece is None:
            answer.stream = None
            connection.enter(State.ANSWER, time.monotonic())
        self._send_more(connection)


def is_read(request: Request) -> bool:
    """Whether the end of the request is certain: its body has a length, or gunicorn has read its last chunk."""
    return getattr(request.body.reader, "parser", None) is None


def expects_continue(request: Request) -> bool:
    return request.version >= (1, 1) and any(
        name == "EXPECT" and value.lower() == "100-continue" for name, value in request.headers
    )
