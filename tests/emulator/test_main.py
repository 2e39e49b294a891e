"""``python -m emulator`` as a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from stepwell.runtime.settings import ROOT
from tests.services import free_port, until

Json = Any

QUICK = {"STEPWELL_LEASE_SECONDS": "1", "STEPWELL_HEARTBEAT_SECONDS": "0.3", "STEPWELL_SWEEP_SECONDS": "0.3"}
GATED = """
import time
from pathlib import Path

def handler(event, context):
    place = Path(event["data"]["place"])
    (place / "seen").touch()
    while not (place / "gate").exists():
        time.sleep(0.01)
    return "opened"
"""


class Emulator:
    """One run of the emulator, in a directory of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def url(self) -> str:
        """Wait until it answers. Returns its URL."""
        until(lambda: self._url() or self.process.poll() is not None, "the emulator is up")
        found = self._url()
        assert found, self.said()
        return found.group()

    def said(self) -> str:
        return self._log.read_text()

    def ask(self, method: str, path: str, body: Json = None) -> Json:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def start(self, function: str, **data: Json) -> str:
        definition = {"steps": [{"taskName": function, "data": data}, {"taskName": "step1"}]}
        self.ask("POST", "/workflows", {"name": "w", "definition": definition})
        return self.ask("POST", "/workflows/w/execute")["executionId"]

    def completes(self, identity: str) -> None:
        until(lambda: self.ask("GET", f"/executions/{identity}")["status"] == "COMPLETED", "the execution completes")

    def end(self) -> int:
        """Press Ctrl-C. Returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def _url(self) -> re.Match[str] | None:
        return re.search(r"http://localhost:\d+", self.said())


class Place:
    """A directory for one emulator after another."""

    def __init__(self, directory: Path, opened: ExitStack) -> None:
        self.directory = directory
        self._opened = opened
        self._runs = 0
        (directory / "mine" / "steps").mkdir(parents=True)
        (directory / "mine" / "steps" / "gated.py").write_text(GATED)

    def begin(self, **environment: str) -> Emulator:
        return self._opened.enter_context(self._running(environment))

    @contextmanager
    def _running(self, environment: dict[str, str]) -> Iterator[Emulator]:
        self._runs += 1
        own = {"PORT": "0", "STEPWELL_HOME": str(self.directory), "FUNCTIONS_PATH": str(self.directory / "mine")}
        log = self.directory / f"log{self._runs}"
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "emulator"],
                cwd=ROOT,
                env={**kept, **QUICK, **own, **environment},
                stdout=out,
                stderr=out,
            )
        try:
            yield Emulator(process, log)
        finally:
            process.kill()
            process.wait()

    def is_seen(self) -> bool:
        return (self.directory / "seen").exists()

    def open_gate(self) -> None:
        (self.directory / "gate").touch()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as opened:
        yield Place(tmp_path, opened)


def test_it_starts_runs_ends_and_remembers(place: Place):
    emulator = place.begin()
    identity = emulator.start("step2")
    emulator.completes(identity)
    before = emulator.ask("GET", f"/executions/{identity}")
    assert emulator.end() == 0
    assert "Finishing what runs" in emulator.said() and "Traceback" not in emulator.said()
    again = place.begin()
    assert again.ask("GET", f"/executions/{identity}") == before
    assert again.ask("GET", "/workflows/invoice_pdf")["version"] == 1
    assert again.end() == 0


def test_what_runs_when_it_is_told_to_end_finishes(place: Place):
    emulator = place.begin()
    identity = emulator.start("gated", place=str(place.directory))
    until(place.is_seen, "the handler runs")
    emulator.process.send_signal(signal.SIGINT)
    until(lambda: "Finishing what runs" in emulator.said(), "it drains")
    place.open_gate()
    assert emulator.process.wait(60) == 0
    again = place.begin()
    again.completes(identity)
    assert [task["attempts"] for task in again.ask("GET", f"/executions/{identity}")["tasks"]] == [1, 1]


def test_what_runs_when_it_is_killed_goes_on_when_it_is_started_again(place: Place):
    emulator = place.begin()
    identity = emulator.start("gated", place=str(place.directory))
    until(place.is_seen, "the handler runs")
    emulator.process.kill()
    emulator.process.wait()
    place.open_gate()
    again = place.begin()
    again.completes(identity)
    first = again.ask("GET", f"/executions/{identity}")["tasks"][0]
    assert (first["losses"], first["result"]) == (1, "opened")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", free_port())) as listening:
        yield listening.getsockname()[1]


def refusal(place: Place, **environment: str) -> str:
    """The message of an emulator that refuses to start."""
    emulator = place.begin(**environment)
    assert emulator.process.wait(60) == 2, emulator.said()
    assert "Traceback" not in emulator.said()
    assert emulator.said().startswith("Stepwell does not start: ")
    return emulator.said()


def test_a_taken_port_is_said(place: Place, taken_port: int):
    assert f"port {taken_port} cannot be used" in refusal(place, PORT=str(taken_port)).lower()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "many", "PORT='many'"),
        ("STEPWELL_LEASE_SECONDS", "-1", "STEPWELL_LEASE_SECONDS='-1': must be a number of seconds above 0"),
        ("STEPWELL_LEES_SECONDS", "1", "STEPWELL_LEES_SECONDS is not a setting"),
        ("FUNCTIONS_PATH", "/nowhere/at/all", "/nowhere/at/all is not a directory"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL: must begin with sqlite://"),
        ("DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/x", "database"),
        ("STEPWELL_HOME", os.devnull, os.devnull),
    ],
)
def test_a_setting_it_cannot_use_is_said(place: Place, name: str, value: str, said: str):
    message = refusal(place, **{name: value})
    assert said in message and "secret" not in message


def test_a_function_that_is_broken_is_named(place: Place):
    (place.directory / "mine" / "steps" / "bad.py").write_text("def handler(event, context)\n")
    message = refusal(place)
    assert "bad.py" in message and "is not Python" in message
