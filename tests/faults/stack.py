"""Stepwell as real processes on 127.0.0.1: web, workers, emulator. The test can read each one's log."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from peewee import fn

from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution, Task
from stepwell.runtime.settings import ROOT
from tests.cradle import cradle
from tests.faults.client import Answer, Load, ask
from tests.faults.handlers.steps import _notes
from tests.runtime.stage import Json, Stage, staged
from tests.services import Server, until

HANDLERS = Path(__file__).parent / "handlers"
PROGRAMS = Path(sys.executable).parent
OURS = ("STEPWELL_", "DATABASE_URL", "REDIS_URL")

QUICK = {"STEPWELL_LEASE_SECONDS": "1.5", "STEPWELL_HEARTBEAT_SECONDS": "0.4", "STEPWELL_SWEEP_SECONDS": "0.4"}
"""A short lease, for tests that wait for its end."""

STEADY = {**QUICK, "STEPWELL_LEASE_SECONDS": "6"}
"""Like QUICK, with a longer lease, for a worker that must not lose it however slow the machine is."""

SLOTS = 4
"""The number of tasks that a worker runs at once."""

GRACE = 4
"""The workers' own grace time, as in the Procfile."""


class Member(Server):
    """One of Stepwell's processes. It ends with the test at the latest; a restart keeps its address."""

    stop_signal = "TERM"

    def __init__(
        self, name: str, command: Sequence[str], place: Path, environment: dict[str, str], *, forked: bool
    ) -> None:
        super().__init__()
        self._forked = forked
        self.kind = name  # type: ignore[misc]
        self._own_command = command
        self._place = place
        self._environment = environment

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def said(self) -> str:
        """Its log so far."""
        return self._log.read_text()

    def says(self, words: str) -> None:
        """Await these words in its log."""
        until(lambda: words in self.said(), f"{self.kind} says {words!r}; {self.said()[-2000:]}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process alone, not to its children."""
        assert self.pid is not None
        os.kill(self.pid, number)

    def ends(self, seconds: float = 60) -> int:
        """Await its own end. Returns the exit code."""
        assert self._process is not None
        code = self._process.wait(seconds)
        self._let_go()
        return code

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)

    @property
    def _log(self) -> Path:
        return self._place / f"{self.kind}.log"

    def _prepare(self) -> None:
        """Nothing to prepare."""

    def _command(self) -> list[str | Path]:
        program, *arguments = self._own_command
        if program == "-m":
            return [*([] if self._forked else [sys.executable]), "-m", *arguments]
        return [PROGRAMS / program, *arguments]

    def _spawn(self, command: list[str | Path], stdout: Any) -> Any:
        if not self._forked:
            return super()._spawn(command, stdout)
        return cradle().start(command, self._surroundings()["env"], self._log)

    def _ping(self) -> None:
        """A worker has no address to ping."""

    def _surroundings(self) -> dict[str, Any]:
        return {"cwd": ROOT, "env": {**self._environment, "PORT": str(self.port)}}


class Web(Member):
    """A process with an HTTP server: gunicorn or the emulator."""

    def ask(self, method: str, path: str, body: Json = None, **headers: str) -> Answer:
        return ask(self.url, method, path, body, **headers)

    def _answers(self) -> bool:
        assert self.is_running(), self.said()
        with suppress(URLError, OSError), urlopen(f"{self.url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
        return False


class Stack:
    """A database, perhaps a Redis, and the test's processes on them."""

    def __init__(
        self, stage: Stage, place: Path, environment: dict[str, str], opened: ExitStack, *, forked: bool = False
    ) -> None:
        self.stage = stage
        self.place = place
        self._environment = environment
        self._opened = opened
        self._forked = forked

    def web(self, name: str = "web", **environment: str) -> Web:
        """Start gunicorn as deployed: with its own configuration file and two processes."""
        return self._begin(Web, name, ["gunicorn", "stepwell.runtime.app:create_app()"], environment)

    def worker(self, name: str = "worker", app: str = "stepwell.runtime.worker.huey", **environment: str) -> Member:
        options = ["-k", "thread", "-w", str(SLOTS), "-g", "TERM", "-t", str(GRACE), "-n"]
        return self._begin(Member, name, ["huey_consumer", app, *options], environment)

    def emulator(self, **environment: str) -> Web:
        return self._begin(Web, "emulator", ["-m", "emulator"], environment)

    def start(self, *steps: str, workflow: str = "play", data: Json = None, **fields: Json) -> str:
        """Start a new execution of these step types, in this process. Returns its id."""
        definition = {"steps": [{"taskName": name, "data": data or {}, **fields} for name in steps]}
        return self.stage.start(definition, workflow=workflow)

    def open(self, gate: str) -> None:
        """Open a gate: handlers waiting for it go on."""
        (self.place / gate).touch()

    def notes(self) -> list[list[str]]:
        """The handlers' notes: word, idempotency key, process id."""
        file = self.place / _notes.FILE
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def noted(self, word: str) -> Counter[str]:
        """For each step, by its idempotency key, how often it noted this word."""
        return Counter(key for found, key, _ in self.notes() if found == word)

    def handler_of(self, execution_id: str) -> psutil.Process:
        """Await a running step of this execution. Returns its process, the newest if there were several."""
        until(lambda: any(execution_id in key for key in self.noted("began")), f"{execution_id} runs; {self.said()}")
        return psutil.Process(int([pid for _, key, pid in self.notes() if execution_id in key][-1]))

    def ends(self, execution_id: str, status: str = "COMPLETED", seconds: float = 60) -> None:
        until(lambda: self.stage.status(execution_id) != "IN_PROGRESS", f"it ends; {self.said()}", seconds)
        assert self.stage.status(execution_id) == status, self.said()

    def count(self, status: str) -> int:
        with database.connection_context():
            return int(Execution.select().where(Execution.status == status).count())

    def executions(self) -> int:
        """The number of all executions. One query: with two, an execution ending in between would count twice."""
        with database.connection_context():
            return int(Execution.select().count())

    def all_end(self, count: int, seconds: float = 120) -> None:
        """Await the end of all executions. ``count`` of them must be COMPLETED, and no other may exist."""
        until(lambda: self.count("IN_PROGRESS") == 0, f"all end; {self.said()}", seconds)
        assert self.count("COMPLETED") == count, self.said()

    def drains(self, count: int, seconds: float) -> None:
        """Like ``all_end``, but the time limit holds for each single end: another one within ``seconds``."""
        while left := self.count("IN_PROGRESS"):
            until(lambda left=left: self.count("IN_PROGRESS") < left, f"another one ends; {self.said()}", seconds)
        assert self.count("COMPLETED") == count, self.said()

    def keeps(self, load: Load) -> bool:
        """True if each start answered 201 is one execution, and all others come from starts without a clear answer."""
        promised = load.started()
        unclear = sum(answer.request.startswith("POST") and answer.status != 201 for answer in load.answers)
        with database.connection_context():
            kept = {str(row.id) for row in Execution.select(Execution.id)}
        return len(set(promised)) == len(promised) and set(promised) <= kept and len(kept) <= len(promised) + unclear

    def outcomes(self) -> Counter[str]:
        """The number of attempts for each outcome, over all tasks."""
        with database.connection_context():
            found = Attempt.select(Attempt.outcome, fn.COUNT(1)).group_by(Attempt.outcome).tuples()
            return Counter(dict(found))

    def losses(self) -> int:
        with database.connection_context():
            return int(Task.select(fn.COALESCE(fn.SUM(Task.losses), 0)).scalar())

    def said(self) -> str:
        """The end of every log."""
        logs = sorted(self.place.glob("*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text()[-1500:]}" for log in logs)

    def _begin(self, kind: Any, name: str, command: Sequence[str], environment: dict[str, str]) -> Any:
        member = kind(name, command, self.place, {**self._environment, **environment}, forked=self._forked)
        return self._opened.enter_context(member)


@contextmanager
def stack_on(database_url: str, redis_url: str | None, place: Path, *, forked: bool = False) -> Iterator[Stack]:
    """A stack, at first without processes. All its processes end with the block. A traceback in a log is an error.

    ``forked``: fork the processes from the cradle, which is quicker.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = {
        **kept,
        "DATABASE_URL": database_url,
        **({"REDIS_URL": redis_url} if redis_url else {}),
        "FUNCTIONS_PATH": str(HANDLERS),
        "ARTIFACTS_DIR": str(place),
        "STEPWELL_HOME": str(place),
    }
    with staged(database_url, place, redis_url=redis_url, function_paths=(HANDLERS,)) as stage:
        with ExitStack() as opened:
            yield Stack(stage, place, environment, opened, forked=forked)
        for log in place.glob("*.log"):
            assert "Traceback" not in log.read_text(), f"{log.name}: {log.read_text()}"


def is_gone(process: psutil.Process) -> bool:
    """True if the process has ended; a zombie has."""
    with suppress(psutil.NoSuchProcess):
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    return True
