"""The genuine worker: ``huey_consumer`` as a process of its own, on PostgreSQL and Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from textwrap import dedent, indent

import psutil
import pytest
from huey.utils import load_class

from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution, History, Task
from stepwell.runtime.engine.values.statuses import TaskStatus
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.moves.start import Wanted
from stepwell.runtime.settings import ROOT
from stepwell.runtime.tasks.queue import QueuedMessage
from stepwell.runtime.worker import StepwellHuey
from tests.runtime.stage import Json, Stage, staged, steps
from tests.services import until

COMMAND = [
    str(Path(sys.executable).with_name("huey_consumer")),
    "stepwell.runtime.worker.huey",
    "-k",
    "thread",
    "-g",
    "TERM",
]
QUICK = {"STEPWELL_HEARTBEAT_SECONDS": "0.3", "STEPWELL_SWEEP_SECONDS": "0.3"}

HANDLERS = {
    # Writes its process id, and waits for the gate. With "once", later calls do not wait.
    "gated": """
        seen = Path(data["place"], "seen")
        if seen.exists() and data.get("once"):
            return "passed"
        seen.write_text(str(os.getpid()))
        while not Path(data["place"], "gate").exists():
            time.sleep(0.01)
        return "opened"
    """,
    "dies": """
        if event["step"]["retry"] == 0:
            os._exit(9)
        return "lives"
    """,
}
HEAD = "import os, time\nfrom pathlib import Path\n\ndef handler(event, context):\n    data = event['data']\n"


class Workers:
    """Worker processes on one database, one Redis and one directory of handlers."""

    def __init__(self, stage: Stage, place: Path, environment: dict[str, str], opened: ExitStack) -> None:
        self.stage = stage
        self.place = place
        self._environment = environment
        self._opened = opened

    def begin(self, *options: str, lease_seconds: float = 15) -> subprocess.Popen[bytes]:
        """Start one more worker process, which ends with the test."""
        environment = {**self._environment, "STEPWELL_LEASE_SECONDS": str(lease_seconds)}
        return self._opened.enter_context(self._running(["-w", "4", "-t", "5", *options], environment))

    @contextmanager
    def _running(self, options: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        with (self.place / "log").open("ab") as log:
            process = subprocess.Popen([*COMMAND, *options, "-n"], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def start(self, function: str, **fields: Json) -> str:
        data = {"place": str(self.place), **fields.pop("data", {})}
        return self.stage.start(steps(function, data=data, **fields))

    def ends(self, identity: str, status: str = "COMPLETED") -> None:
        until(lambda: self.stage.status(identity) != "IN_PROGRESS", f"the execution ends; {self.said()}")
        assert self.stage.status(identity) == status, self.said()

    def handler(self) -> psutil.Process:
        """The process of the gated handler."""
        until(lambda: self._seen.exists() and self._seen.read_text(), f"the handler runs; {self.said()}")
        return psutil.Process(int(self._seen.read_text()))

    def said(self) -> str:
        return (self.place / "log").read_text()[-2000:]

    @property
    def _seen(self) -> Path:
        return self.place / "seen"


@pytest.fixture
def workers(postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[Workers]:
    (tmp_path / "mine" / "steps").mkdir(parents=True)
    for name, body in HANDLERS.items():
        (tmp_path / "mine" / "steps" / f"{name}.py").write_text(HEAD + indent(dedent(body), "    "))
    environment = {
        **os.environ,
        **QUICK,
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "FUNCTIONS_PATH": str(tmp_path / "mine"),
        "STEPWELL_HOME": str(tmp_path),
    }
    settings = {"redis_url": redis_url, "function_paths": (tmp_path / "mine",)}
    with staged(postgres_url, tmp_path, **settings) as stage, ExitStack() as opened:
        yield Workers(stage, tmp_path, environment, opened)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


# In this process


def test_the_consumer_is_ours_and_schedules_nothing(stage: Stage):
    huey = StepwellHuey(stage.runtime)
    consumer = huey.create_consumer(workers=1, periodic=True)
    assert not consumer.periodic and huey.read_schedule() == [] and not huey.results
    assert type(consumer).__name__ == "StepwellConsumer"


def test_a_consumer_that_stops_hands_back_what_it_holds(stage: Stage):
    identity = stage.start(steps("step1"))
    huey = StepwellHuey(stage.runtime)
    task = huey.dequeue()
    consumer = huey.create_consumer(workers=1)
    stage.script.let("step1", lambda event: consumer.stop() or Outcome(killed=True))
    huey.execute(task)
    assert stage.attempts(identity) == [(1, 1, "RETURNED")] and stage.statuses(identity) == ["QUEUED"]
    assert stage.script.killed == [f"{stage.task(identity).id}/1"]


COMMANDS = ("stepwell.runtime.worker.huey", "runtime.worker.huey")
"""Arguments of ``huey_consumer``: the name in the installed package, and the older name in a checkout."""


@pytest.fixture
def hueys() -> Iterator[dict[str, type[StepwellHuey]]]:
    """The class behind each command. Python imports the worker's file once for each name."""
    known = set(sys.modules)
    yield {command: load_class(command.replace(".huey", ".StepwellHuey")) for command in COMMANDS}
    for name in ("runtime", "runtime.worker"):
        if name not in known:
            sys.modules.pop(name, None)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_name_of_the_worker_registers_the_one_job_and_runs_what_is_queued(
    stage: Stage, hueys: dict[str, type[StepwellHuey]], command: str
):
    assert hueys[command].__module__ == command.removesuffix(".huey")
    huey = hueys[command](stage.runtime)
    assert list(huey._registry._registry) == ["runtime.worker.run"]
    identity = stage.start(steps("step1"))
    huey.execute(huey.dequeue())
    assert stage.status(identity) == "COMPLETED"


@pytest.mark.parametrize(("writer", "reader"), [COMMANDS, COMMANDS[::-1]])
def test_each_name_of_the_worker_reads_what_the_other_has_written(
    stage: Stage, hueys: dict[str, type[StepwellHuey]], writer: str, reader: str
):
    identity = stage.start(steps("step1"))
    written = hueys[writer](stage.runtime)
    message = written.serialize_task(written.dequeue())
    assert json.loads(message) == {"task": stage.task(identity).id}
    stage.queue.push([QueuedMessage("", message)])
    huey = hueys[reader](stage.runtime)
    huey.execute(huey.dequeue())
    assert stage.status(identity) == "COMPLETED"


# As a process


def test_a_worker_told_to_end_lets_its_handler_finish(workers: Workers):
    worker = workers.begin()
    identity = workers.start("gated")
    workers.handler()
    worker.send_signal(signal.SIGTERM)
    until(lambda: "gracefully" in workers.said(), "the worker drains")
    (workers.place / "gate").touch()
    assert worker.wait(30) == 0, workers.said()
    assert workers.stage.output(identity) == "opened"


def test_a_worker_told_to_end_hands_back_what_does_not_finish(workers: Workers):
    worker = workers.begin("-t", "0.3")
    identity = workers.start("gated")
    handler = workers.handler()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0, workers.said()
    assert is_gone(handler)
    task = workers.stage.task(identity)
    assert (task.status, task.owner, task.losses) == ("QUEUED", None, 0)
    assert workers.stage.attempts(identity) == [(1, 1, "RETURNED")]
    (workers.place / "gate").touch()
    workers.begin()
    workers.ends(identity)


def test_handlers_that_hang_or_die_cost_their_own_attempt_only(workers: Workers):
    worker = workers.begin()
    hangs = workers.start("gated", timeoutSeconds=1.5)
    handler = workers.handler()
    dies = workers.start("dies", retry={"maxAttempts": 2, "intervalSeconds": 0.05})
    workers.ends(hangs, "FAILED")
    workers.ends(dies)
    assert workers.stage.execution(hangs).error == "States.Timeout"
    assert workers.stage.attempts(hangs) == [(1, 1, "TIMED_OUT")] and is_gone(handler)
    assert workers.stage.attempts(dies) == [(1, 1, "FAILED"), (1, 2, "COMPLETED")]
    with database.connection_context():
        failed = Attempt.get(Attempt.outcome == "FAILED", Attempt.task_id == workers.stage.task(dies).id)
    assert failed.error == "Runtime.ExitError" and "exit status 9" in failed.cause
    workers.ends(workers.start("step1"))
    assert worker.poll() is None


def test_a_cancelled_handler_is_stopped_by_the_next_heartbeat(workers: Workers):
    workers.begin()
    identity = workers.start("gated")
    handler = workers.handler()
    workers.stage.executions.cancel(identity)
    until(lambda: is_gone(handler), "the handler is stopped")
    assert workers.stage.attempts(identity) == [(1, 1, "CANCELLED")]


def test_what_a_killed_worker_held_is_taken_over(workers: Workers):
    worker = workers.begin(lease_seconds=1)
    identity = workers.start("gated", data={"once": True})
    handler = workers.handler()
    worker.kill()
    workers.begin()
    workers.ends(identity)
    assert workers.stage.attempts(identity) == [(1, 1, "LOST"), (1, 2, "COMPLETED")]
    assert workers.stage.task(identity).losses == 1
    until(lambda: is_gone(handler), "the handler of the killed worker is gone")


def test_a_worker_that_was_frozen_past_its_lease_changes_nothing(workers: Workers):
    frozen = workers.begin(lease_seconds=1)
    identity = workers.start("gated", data={"once": True})
    workers.handler()
    frozen.send_signal(signal.SIGSTOP)
    workers.begin()
    workers.ends(identity)
    before = workers.stage.everything(identity)
    (workers.place / "gate").touch()
    frozen.send_signal(signal.SIGCONT)
    frozen.send_signal(signal.SIGTERM)
    assert frozen.wait(30) == 0, workers.said()
    assert workers.stage.everything(identity) == before


def test_two_workers_bring_all_to_their_end(workers: Workers):
    workers.stage.workflows.create("play", steps(*["step1", "step2"] * 2, "step1"))
    latest = workers.stage.workflows.latest("play")
    for _ in range(200):
        workers.stage.executions.start(latest, Wanted({}))
    for _ in range(2):
        workers.begin()
    with database.connection_context():
        running = Execution.select().where(Execution.status == "IN_PROGRESS")
        until(lambda: running.count() == 0, f"all have ended; {workers.said()}", seconds=120)
        assert Execution.select().where(Execution.status == "COMPLETED").count() == 200
        assert Task.select().where(Task.status == TaskStatus.COMPLETED, Task.attempt == 1).count() == 1000
        assert Task.select().count() == 1000
        starts = list(Execution.select(Execution.id))
    for row in starts:
        assert workers.stage.history(row.id) == HISTORY
    with database.connection_context():
        assert History.select().count() == 200 * len(HISTORY)


STEP = ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"]
HISTORY = ["ExecutionStarted", *STEP * 5, "ExecutionSucceeded"]
