"""Starts Stepwell's processes by forking one process with everything loaded: a start costs no imports.

``python -m tests.cradle`` loads the imports of Stepwell's programs, and then forks a child for each command it
receives. It has no threads, no connections and no signal handlers. So a child begins like an interpreter after its
imports; it leads a session of its own, runs the genuine entry point, and ends as any other process ends.

``cradle()`` returns this process's cradle. It ends with this process, however that dies, and takes its children with
it.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from stepwell.runtime.catalog.catalog import Catalog

ROOT = Path(__file__).resolve().parents[1]
LOADED = (
    "emulator.__main__",
    "gunicorn.app.wsgiapp",
    "stepwell.runtime.server.gunicorn_worker",
    "huey.bin.huey_consumer",
    "stepwell.runtime.app",
    "stepwell.runtime.worker",
)
RUN_AS_MAIN = "emulator.__main__"
"""The module that an entry point runs as ``__main__``: no child may find it loaded already."""

POLL_SECONDS = 0.005


class Born:
    """A child of the cradle. It has the members of ``subprocess.Popen`` that tests use."""

    def __init__(self, cradle: Cradle, pid: int, command: Sequence[str]) -> None:
        self.pid = pid
        self.args = command
        self.returncode: int | None = None
        self._cradle = cradle

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._cradle.ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code. Raises subprocess.TimeoutExpired after ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Cradle:
    """The parent's side of the forking process. Any thread may use it."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cradle"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> Born:
        """Start a child with this command line: PROGRAM [ARGUMENT ...] or -m MODULE [ARGUMENT ...].

        It runs in the project's directory, with this environment; its output goes to ``log``.
        """
        words = [str(word) for word in command]
        return Born(self, self.ask({"command": words, "environment": dict(environment), "log": str(log)}), words)

    def ask(self, question: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        with self._asking:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, "the cradle has died"
        return json.loads(answer)

    def close(self) -> None:
        """End it and all its children."""
        self._process.communicate()


@cache
def cradle() -> Cradle:
    made = Cradle()
    atexit.register(made.close)
    return made


def run(program: str, *arguments: str) -> None:
    """Run this command line as the interpreter does."""
    if program == "-m":
        sys.argv[:] = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = [program, *arguments]
        runpy.run_path(program, run_name="__main__")


def _load() -> None:
    for name in LOADED:
        import_module(name)
    del sys.modules[RUN_AS_MAIN]
    Catalog.load()  # the catalog caches the built-in handlers
    gc.freeze()  # else a child's garbage collections would write to every page shared with us


def _serve() -> Sequence[str] | None:
    """Answer requests until the input ends. In a child it returns the command to run."""
    living: set[int] = set()
    for line in iter(sys.stdin.buffer.readline, b""):
        question = json.loads(line)
        if "command" in question:
            answer = _fork(question)
            if answer == 0:
                return list(question["command"])
            living.add(answer)
        else:
            answer = _exit_code(question["ended"])
            living -= {question["ended"]} if answer is not None else set()
        os.write(1, json.dumps(answer).encode() + b"\n")
    for pid in living:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    return None


def _fork(question: Mapping[str, Any]) -> int:
    """Fork. Returns the child's process id, once the child leads its own session; 0 in the child."""
    ready, is_ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(question)
    os.close(is_ready)
    if pid:
        os.read(ready, 1)
    os.close(ready)
    return pid


def _become(question: Mapping[str, Any]) -> None:
    """Make the child independent: keep only the loaded modules of the cradle."""
    os.setsid()
    log = os.open(question["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(fd, place)
    os.close(log)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(question["environment"])


def _exit_code(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


if __name__ == "__main__":
    _load()
    if (command := _serve()) is not None:
        run(*command)
