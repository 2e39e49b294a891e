"""A server of ours on a free port, in this process, with an application that a test writes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
from gunicorn.config import Config

from stepwell.runtime.server.capacity import Application, Capacity
from stepwell.runtime.server.connection import Deadlines
from stepwell.runtime.server.response import Unobserved
from stepwell.runtime.server.server import Server

App = Callable[[dict[str, Any], Callable[..., Any]], Any]
FOREVER = 3600.0
PATIENT = Deadlines(head=FOREVER, body=FOREVER, rate=1.0, keep_alive=FOREVER)
WAIT_SECONDS = 60


class Client:
    """One connection to the server. What is expected is awaited; nothing is timed."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")

    def send(self, *parts: bytes) -> None:
        self.sock.sendall(b"".join(parts))

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers by lower-case name, body."""
        status = int(self._file.readline().split()[1])
        lines = iter(self._file.readline, b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.decode().partition(":") for line in lines)}
        return status, headers, self._file.read(int(headers.get("content-length", 0)))

    def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        try:
            return self._file.read()
        except ConnectionError:
            return b""

    def line(self) -> bytes:
        return self._file.readline()

    def close(self) -> None:
        self._file.close()
        self.sock.close()


class Served:
    """A running server."""

    def __init__(self, server: Server, address: tuple[str, int], opened: ExitStack) -> None:
        self.server = server
        self.address = address
        self._opened = opened

    def client(self) -> Client:
        sock = socket.create_connection(self.address, timeout=WAIT_SECONDS)
        return self._opened.enter_context(closing(Client(sock)))

    def get(self, path: str = "/") -> tuple[int, dict[str, str], bytes]:
        client = self.client()
        client.send(get(path))
        return client.answer()


def get(path: str = "/", *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", "")).encode()


def post(length: int, *headers: str, path: str = "/") -> bytes:
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *headers, "", "")
    return "\r\n".join(lines).encode()


def echo(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    """Answers with what it was sent: method, path and body."""
    body = environ["wsgi.input"].read()
    said = b" ".join((environ["REQUEST_METHOD"].encode(), environ["PATH_INFO"].encode(), body))
    start("200 OK", [("content-length", str(len(said)))])
    return [said]


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as opened:
        yield lambda *given, **options: opened.enter_context(running(*given, **options))


@contextmanager
def running(
    app: App = echo,
    *,
    deadlines: Deadlines = PATIENT,
    capacity: Capacity | None = None,
    most: Callable[[Any], int] = lambda request: 1 << 30,
    own_threads: tuple[str, ...] = (),
    stopping: Callable[[], None] = lambda: None,
) -> Iterator[Served]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=1024)) as listening, ExitStack() as opened:
        application = Application(app, most, own_threads, deadlines, stopping)
        server = Server(application, [listening], Config(), Unobserved(), deadlines, capacity or Capacity())
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield Served(server, listening.getsockname(), opened)
        finally:
            opened.close()
            server.stop(0)
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive()
