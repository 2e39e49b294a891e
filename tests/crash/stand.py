"""The processes of one test. One of them dies at its armed point; a live one replaces every dead one."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from stepwell.db.database import database
from stepwell.db.models import Task, Worker
from stepwell.runtime.app import create_app
from tests import services
from tests.cradle import Born, cradle
from tests.crash.cases import Fault
from tests.crash.clients import Answer, Client, Http, Inside
from tests.crash.launcher import EXIT_CODE, NOBODY
from tests.crash.normal_form import NormalForm, lines_of, normal_form
from tests.crash.plays import PLAYS
from tests.runtime.stage import LONG_AGO, Stage

Json = Any
Process = Born

HANDLERS = Path(__file__).parent / "handlers"
PROGRAMS = Path(sys.executable).parent
QUICK = {
    "STEPWELL_LEASE_SECONDS": "600",
    "STEPWELL_HEARTBEAT_SECONDS": "0.3",
    "STEPWELL_SWEEP_SECONDS": "0.2",
    "STEPWELL_WORKERS": "3",
}
OURS = ("DATABASE_URL", "REDIS_URL")

WORKER = (
    str(PROGRAMS / "huey_consumer"),
    "stepwell.runtime.worker.huey",
    "-k",
    "thread",
    "-g",
    "TERM",
    "-w",
    "3",
    "-n",
)
WEB = (str(PROGRAMS / "gunicorn"), "--workers", "1", "stepwell.runtime.app:create_app()")
EMULATOR = ("-m", "emulator")
HASTY = ("-m", "tests.crash.hasty")


class Stand:
    """The processes, their shared rows, and a client.

    Leases are long, so that none runs out while its worker lives, however slow the machine is. The stand ends a dead
    worker's leases at once, so that no test waits for them.
    """

    def __init__(self, stage: Stage, place: Path, environment: Mapping[str, str], opened: ExitStack) -> None:
        self.stage = stage
        self.place = place
        self.client: Client = Inside(create_app(stage.runtime.settings, stage.runtime))
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        own = {"STEPWELL_HOME": str(place), "ARTIFACTS_DIR": str(place), "FUNCTIONS_PATH": str(HANDLERS)}
        self._environment = {**kept, **QUICK, **own, **environment}
        self._opened = opened
        self._running: dict[Process, Sequence[str]] = {}
        self._dead: set[str] = set()

    def begin(self, command: Sequence[str], fault: Fault | None = None) -> Process:
        """Start one more of Stepwell's processes. It ends with the test."""
        point, times = (fault.point, fault.times) if fault else (NOBODY, 0)
        launcher = ("-m", "tests.crash.launcher", str(self._mark), point, str(times))
        process = self._opened.enter_context(self._process([*launcher, *command]))
        self._running[process] = command
        return process

    def kill(self, process: Process) -> None:
        """End a process like a crash; it is not replaced."""
        command = self._running.pop(process)
        _end(process)
        self._note_death(command)

    def ask(self, method: str, path: str, body: Json = None, key: str | None = None) -> Json:
        """Send a request until it is answered. Returns the body. A repetition may be refused as done already."""
        answers: list[Answer | None] = []

        def is_answered() -> bool:
            answers.append(self.client.send(method, path, body, {"idempotency-key": key} if key else {}))
            return answers[-1] is not None and answers[-1][0] != 503

        self.until(is_answered, f"{method} {path} is answered")
        status, said = answers[-1] or (0, None)
        assert status < 300 or (answers[0] is None and status in DONE_ALREADY), (answers, self.said())
        return said

    def start(self, name: str) -> Acted:
        """Start a new execution of this play."""
        self.ask("POST", "/workflows", {"name": name, "definition": PLAYS[name].definition})
        key = secrets.token_hex(8)
        return Acted(self, name, self.ask("POST", f"/workflows/{name}/execute", key=key)["executionId"])

    def serve(self, command: Sequence[str], fault: Fault | None = None) -> Process:
        """Start a process with an HTTP server. From now on the client sends to it."""
        port = services.free_port()
        self._environment["PORT"] = str(port)
        self.client = Http(port)
        process = self.begin(command, fault)
        self.ask("GET", "/health")
        return process

    def perform(self, name: str) -> NormalForm:
        """Run an execution of this play. Returns its normal form after its end."""
        return self.start(name).to_the_end()

    def dies(self) -> None:
        """Await the death of the armed process."""
        self.until(self._mark.exists, "a process dies where it was told to")

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Await the condition, and replace dead processes meanwhile."""
        try:
            services.until(lambda: self._replace_the_dead() or self._end_leases() or holds(), what)
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{self.said()}") from None

    def said(self) -> str:
        return self._log.read_text()[-3000:]

    def _replace_the_dead(self) -> None:
        for process in [one for one in self._running if one.poll() is not None]:
            assert process.returncode == EXIT_CODE, f"it ended with {process.returncode}: {self.said()}"
            command = self._running.pop(process)
            self._note_death(command)
            self.begin(command)

    def _note_death(self, command: Sequence[str]) -> None:
        """Note a dead worker's owner names. It takes all names: no other worker lives at that moment."""
        if command != WEB:
            with database.connection_context():
                owners = [*Worker.select(Worker.owner), *Task.select(Task.owner).where(Task.owner.is_null(False))]
            self._dead |= {row.owner for row in owners}

    def _end_leases(self) -> None:
        """End all leases of dead workers now, also those of a claim that was committed after the death."""
        if self._dead:
            with database.connection_context():
                Task.update(lease_until=LONG_AGO).where(Task.owner.in_(self._dead)).execute()

    @contextmanager
    def _process(self, command: Sequence[str]) -> Iterator[Process]:
        process = cradle().start(command, self._environment, self._log)
        try:
            yield process
        finally:
            _end(process)

    @property
    def _mark(self) -> Path:
        return self.place / "died"

    @property
    def _log(self) -> Path:
        return self.place / "log"


DONE_ALREADY = (400, 409)
"""The statuses of a repeated request whose unanswered first copy was executed."""


class Acted:
    """One execution of a play, seen from outside, to be steered."""

    def __init__(self, stand: Stand, name: str, identity: str) -> None:
        self.identity = identity
        self._stand = stand
        self._stage = stand.stage
        self._name = name

    def to_the_end(self) -> NormalForm:
        """Steer the execution as the play says. Returns its normal form after its end."""
        PLAYS[self._name].steer(self)
        self.until(lambda: self._stage.status(self.identity) != "IN_PROGRESS", "the execution ends")
        return normal_form(self._stage, self.identity)

    def until(self, holds: Callable[[], object], what: str) -> None:
        self._stand.until(holds, what)

    def is_seen(self) -> bool:
        return any(self._seen())

    def are_all_seen(self) -> bool:
        """True once the handler of every task that can run has begun."""
        running = [one for one in self.statuses() if one != "PENDING"]
        return len(list(self._seen())) == len(running)

    def _seen(self) -> Iterator[Path]:
        return self._stand.place.glob(f"{self.identity}-*.seen")

    def open_gate(self) -> None:
        (self._stand.place / f"{self.identity}.gate").touch()

    def is_held(self, attempt: int) -> bool:
        """True while a worker holds its first task in this attempt."""
        task = self._stage.task(self.identity)
        return task.attempt == attempt and task.status == "IN_PROGRESS"

    def ends_after_three_losses(self) -> None:
        """Await its failure by the loss of three workers, and check its rows and its history: one failure."""
        self.until(lambda: self._stage.status(self.identity) != "IN_PROGRESS", "the execution ends")
        row = self._stage.execution(self.identity)
        assert (row.status, row.error) == ("FAILED", "States.TaskFailed") and row.cause.startswith("WorkerLost: 3")
        assert self._stage.attempts(self.identity) == [(1, attempt, "LOST") for attempt in (1, 2, 3)]
        assert self._stage.statuses(self.identity) == ["FAILED", "CANCELLED"]
        assert [one.losses for one in self._stage.rows(self.identity)] == [3, 0]
        assert self._stage.left_open(self.identity) == []
        lines = self._stage.history(self.identity)
        assert [lines.count(kind) for kind in ("TaskStarted", "TaskFailed", "ExecutionFailed")] == [3, 1, 1]

    def statuses(self) -> list[str]:
        return self._stage.statuses(self.identity)

    def is_submitted(self) -> bool:
        return any(kind == "TaskSubmitted" for _, _, kind in lines_of(self.identity))

    def answer(self, output: Json) -> None:
        token = self._stage.task(self.identity).token
        self._stand.ask("POST", f"/tasks/{token}/success", {"output": output})

    def steer(self, verb: str) -> None:
        self._stand.ask("POST", f"/executions/{self.identity}/{verb}")


def _end(process: Process) -> None:
    """Kill a process with its forks: gunicorn's workers would outlive it for a while."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
