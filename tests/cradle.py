"""Starts processes of the house by forking one that has loaded everything: a start costs no imports.

``python -m tests.cradle`` loads what the house's programs import, and then forks a child for each command that it is
told. It has no threads, no connections and no signal handlers, so a child begins as if the interpreter had just come
so far; it leads a session of its own, runs the genuine entry point, and ends as any other process ends.

``cradle()`` is this process's one. It ends with this process, however that dies, and takes its children with it.
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
    "gunicorn.workers.gthread",
    "huey.bin.huey_consumer",
    "stepwell.runtime.app",
    "stepwell.runtime.worker",
)
RUN_AS_MAIN = "emulator.__main__"
"""What an entry point runs afresh, so that no child may find it loaded."""

POLL_SECONDS = 0.005


class Born:
    """A child of the cradle's, with those members of ``subprocess.Popen`` that tests use."""

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
        """Its exit code. Raises subprocess.TimeoutExpired after so many seconds."""
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
    """The process that forks, seen from the one that has started it. Any thread may ask it."""

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
        """A child that runs this command line: PROGRAM [ARGUMENT ...] or -m MODULE [ARGUMENT ...].

        It stands in the project's directory and finds this environment; ``log`` takes what it prints.
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
        """End it, and whatever it has started."""
        self._process.communicate()


@cache
def cradle() -> Cradle:
    made = Cradle()
    atexit.register(made.close)
    return made


def run(program: str, *arguments: str) -> None:
    """What the interpreter does with this command line."""
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
    Catalog.load()  # what is read of the house's own handlers is remembered
    gc.freeze()  # a child's collections would else write to every page that it shares with us


def _serve() -> Sequence[str] | None:
    """Answer questions until there are no more. In a child it returns what that one is to run."""
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
    """The child's process id, once its session is its own; 0 in the child."""
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
    """Leave nothing of the cradle's in this process but what it has loaded."""
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
