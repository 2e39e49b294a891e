"""A proxy before PostgreSQL that breaks on purpose: after a chosen statement, before its answer arrives."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

CHUNK = 1 << 16
REFUSAL = b"E"
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""A client's message for COMMIT."""


def executes(name: str) -> bytes:
    """The words in a client's message that execute this prepared statement."""
    return f"EXECUTE {name}(".encode()


class Proxy:
    """Passes bytes on, and breaks the connection at chosen statements.

    It passes the chosen statement on, and the server executes it. When the server answers, both sides of the connection
    end and the answer is lost. If the server refuses the statement, its answer is passed on and the break stays armed.
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
        """The database's URL through this proxy."""
        user = self._target.netloc.rpartition("@")[0]
        return self._target._replace(netloc=f"{user}@127.0.0.1:{self._listening.getsockname()[1]}").geturl()

    @property
    def left(self) -> int:
        """The number of breaks still to come."""
        return len(self._breaks)

    def break_at(self, statements: list[bytes]) -> None:
        """Arm one break for each entry: the next statement with those words breaks its connection."""
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
