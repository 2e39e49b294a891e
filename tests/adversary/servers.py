"""Our two HTTP servers, each as a process of its own, and a socket for raw requests to them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from stepwell.db.models import TABLES
from stepwell.runtime.settings import ROOT
from tests.services import free_port, until

GUNICORN: Sequence[str] = (
    sys.executable,
    "-m",
    "gunicorn",
    "-c",
    "gunicorn.conf.py",
    "stepwell.runtime.app:create_app()",
)
EMULATOR: Sequence[str] = (sys.executable, "-m", "emulator")


@dataclass(frozen=True)
class Server:
    name: str
    port: int
    log: Path

    def say(self, sent: bytes) -> bytes:
        """Sends these bytes and closes the sending side; returns the whole answer."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=30)) as client:
            answer = b""
            # A server may close the connection on a client that still sends after a refusal.
            with suppress(OSError):
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while part := client.recv(65_536):
                    answer += part
            return answer

    def is_up(self) -> bool:
        try:
            said = self.say(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return said.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 401 "))  # a server with keys is up, too
        except OSError:
            return False


@contextmanager
def serving(name: str, command: Sequence[str], home: Path, **settings: str) -> Iterator[Server]:
    """Starts a server on a migrated SQLite database, and kills it when the block ends, even on failure."""
    url = f"sqlite:///{home / 'stepwell.db'}"
    connect(url)
    migrate()
    database.close_all()
    port = free_port()
    kept = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")}
    own = {"PORT": str(port), "DATABASE_URL": url, "STEPWELL_HOME": str(home), "WEB_CONCURRENCY": "1"}
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env={**kept, **own, **settings}, stdout=output, stderr=output)
    server = Server(name, port, log)
    try:
        until(lambda: server.is_up() or process.poll() is not None, f"{name} is up")
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        process.kill()
        process.wait()


def counts(home: Path) -> dict[str, int]:
    """The number of rows in each table of a server's database."""
    connect(f"sqlite:///{home / 'stepwell.db'}")
    with database.connection_context():
        found = {table.__name__: table.select().count() for table in TABLES}
    database.close_all()
    return found
