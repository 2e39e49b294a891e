"""A wire to PostgreSQL that breaks on purpose: behind a chosen statement, before anybody hears what became of it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

CHUNK = 1 << 16
REFUSAL = b"E"
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""The message by which a client asks for a COMMIT."""


def executes(name: str) -> bytes:
    """The words by which a client asks for one of our prepared statements."""
    return f"EXECUTE {name}(".encode()


class Proxy:
    """Passes bytes on, until a statement comes that it is to break at.

    That one is passed on and done; when the server answers, the connection ends on both sides, the answer unheard. A
    statement that the server refuses is none: its answer is passed on, and the break is still to come.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._breaks: list[bytes] = []
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        """Where the database is to be had through this wire."""
        user = self._target.netloc.rpartition("@")[0]
        return self._target._replace(netloc=f"{user}@127.0.0.1:{self._listening.getsockname()[1]}").geturl()

    @property
    def left(self) -> int:
        """How many breaks are still to come."""
        return len(self._breaks)

    def break_at(self, statements: list[bytes]) -> None:
        """Break a connection behind each of these: the next one that says those words."""
        with self._lock:
            self._breaks += statements

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            _hang_up(*self._open)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        server = socket.create_connection((self._target.hostname, self._target.port))
        unheard: list[bytes] = []
        with self._lock:
            self._open |= {client, server}
            for act in (self._ask, self._answer):
                thread = threading.Thread(target=act, args=(client, server, unheard), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _ask(self, client: socket.socket, server: socket.socket, unheard: list[bytes]) -> None:
        with suppress(OSError):
            while data := client.recv(CHUNK):
                unheard += self._breaks_in(data)
                server.sendall(data)
        _hang_up(client, server)

    def _answer(self, client: socket.socket, server: socket.socket, unheard: list[bytes]) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if unheard and data[:1] != REFUSAL:
                    break
                self.break_at(unheard)
                unheard.clear()
                client.sendall(data)
        _hang_up(client, server)
        client.close()
        server.close()

    def _breaks_in(self, data: bytes) -> list[bytes]:
        with self._lock:
            found = [words for words in self._breaks if words in data][:1]
            for words in found:
                self._breaks.remove(words)
        return found


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
