"""A whole installation as real processes on 127.0.0.1: PostgreSQL, Redis, two web processes and three workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from tests.cradle import cradle
from tests.services import Postgres, Redis, Server, until
from tests.torture.handlers.steps import _effects

ROOT = Path(__file__).resolve().parents[2]
HANDLERS = Path(__file__).parent / "handlers"
PROGRAMS = Path(sys.executable).parent

WEBS = 2
WORKERS = 3
SLOTS = 4


@dataclass(frozen=True)
class Options:
    """The options of a run: ``rate`` starts in a second, at most ``calm`` seconds between two faults of a lane."""

    minutes: float = 3
    seed: int = 1
    lease: float = 5
    heartbeat: float = 1.5
    sweep: float = 1
    rate: float = 6
    calm: float = 4


class KeptLog:
    """Keeps a server's log in the folder of the run, beyond the server's end."""

    place: Path
    name: str

    @property
    def _log(self) -> Path:
        return self.place / f"{self.name}.log"


class LoggedPostgres(KeptLog, Postgres):
    """The database."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place, self.name = place, "postgresql"

    def restart_fast(self) -> None:
        """Stop like an operator, then start: PostgreSQL rolls transactions back, ends sessions, writes everything."""
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGINT)
        until(lambda: _is_gone(pid), "PostgreSQL has stopped")
        self.restart()


class LoggedRedis(KeptLog, Redis):
    """The queue."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place, self.name = place, "redis"


class Member(KeptLog, Server):
    """One of Stepwell's processes. A restart keeps its address."""

    stop_signal = "TERM"

    def __init__(self, name: str, place: Path, environment: dict[str, str], *, forked: bool) -> None:
        super().__init__()
        self._forked = forked
        self.place, self.name = place, name
        self.kind = name  # type: ignore[misc]
        self._environment = environment

    def is_alive(self) -> bool:
        pid = self.pid
        return pid is not None and not _is_gone(pid)

    def kill_alone(self) -> None:
        """End this one process like a crash; its children have to notice."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGKILL)
        self.kill()

    def freeze_alone(self) -> None:
        """Stop this one process. Its children go on, and may finish results that it cannot report."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGSTOP)

    def _spawn(self, command: list[str | Path], stdout: Any) -> Any:
        if not self._forked:
            return super()._spawn(command, stdout)
        return cradle().start(command, self._surroundings()["env"], self._log)

    def _prepare(self) -> None:
        """Nothing to prepare."""

    def _surroundings(self) -> dict[str, Any]:
        return {"cwd": ROOT, "env": {**self._environment, "PORT": str(self.port)}}


Made = TypeVar("Made", bound=Member)


class Web(Member):
    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _command(self) -> list[str | Path]:
        return [PROGRAMS / "gunicorn", "--workers", "1", "stepwell.runtime.app:create_app()"]

    def _answers(self) -> bool:
        with suppress(URLError, OSError), urlopen(f"{self.url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
        return False


class Worker(Member):
    def _command(self) -> list[str | Path]:
        options = ["-k", "thread", "-w", str(SLOTS), "-g", "TERM", "-t", "1", "-n"]  # less than the longest nap
        return [PROGRAMS / "huey_consumer", "stepwell.runtime.worker.huey", *options]

    def _ping(self) -> None:
        """A worker has no address to ping."""


@dataclass(frozen=True)
class Stack:
    """The processes of one run. ``place`` holds their logs and the handlers' files."""

    place: Path
    postgres: LoggedPostgres
    redis: LoggedRedis
    webs: tuple[Web, ...]
    workers: tuple[Worker, ...]

    @property
    def effects(self) -> Path:
        """The file with a line for each finished handler call."""
        return self.place / "artifacts" / _effects.FILE

    @property
    def tokens(self) -> Path:
        """The file with the handlers' task tokens, each with its due answer."""
        return self.place / "artifacts" / _effects.TOKENS

    @property
    def members(self) -> tuple[Member, ...]:
        return (*self.webs, *self.workers)


@contextmanager
def running(place: Path, options: Options, *, forked: bool = False) -> Iterator[Stack]:
    """A running stack. It ends with the block, whatever happens."""
    with ExitStack() as opened:
        postgres = opened.enter_context(LoggedPostgres(place))
        redis = opened.enter_context(LoggedRedis(place))
        environment = _environment(place, options, postgres.url, redis.url)
        migrate = [sys.executable, "-m", "stepwell.db.migrate"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True, capture_output=True)

        def begin(kind: type[Made], name: str) -> Made:
            return opened.enter_context(kind(name, place, environment, forked=forked))

        webs = tuple(begin(Web, f"web-{n}") for n in range(1, WEBS + 1))
        workers = tuple(begin(Worker, f"worker-{n}") for n in range(1, WORKERS + 1))
        yield Stack(place, postgres, redis, webs, workers)


def _environment(place: Path, options: Options, database_url: str, redis_url: str) -> dict[str, str]:
    (place / "artifacts").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEPWELL_")}
    return {
        **kept,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "FUNCTIONS_PATH": str(HANDLERS),
        "ARTIFACTS_DIR": str(place / "artifacts"),
        "OUTBOX_DIR": str(place / "outbox"),
        "STEPWELL_HOME": str(place),
        "STEPWELL_LEASE_SECONDS": str(options.lease),
        "STEPWELL_HEARTBEAT_SECONDS": str(options.heartbeat),
        "STEPWELL_SWEEP_SECONDS": str(options.sweep),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _is_gone(pid: int) -> bool:
    """True if a process has ended; a zombie has."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return True


def pause(seconds: float) -> None:
    """Let time pass. This is no wait for a condition: it spaces out the faults and the load."""
    time.sleep(seconds)
