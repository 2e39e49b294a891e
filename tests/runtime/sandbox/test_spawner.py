from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stepwell.runtime.sandbox.output import Output
from stepwell.runtime.sandbox.process import ChildProcess
from stepwell.runtime.sandbox.spawner import Spawner, Workspace
from tests.runtime.sandbox.bench import CONTEXT, ENOUGH_SECONDS, gone, wait_until

HOLDER = """
import sys
from pathlib import Path
from stepwell.runtime.sandbox.pool import Call, Pool
from tests.runtime.sandbox.bench import CONTEXT

root = Path(sys.argv[1])
pool = Pool({}, [root], 1000)
pool.call(Call("busy", root / "busy.py", "null", CONTEXT), key="1", timeout_seconds=3600)
"""


def here(root: Path) -> Workspace:
    return Workspace(root, (root,))


def open_descriptors() -> set[str]:
    return set(os.listdir("/dev/fd"))


@pytest.fixture
def spawner(tmp_path: Path):
    spawner = Spawner({"GIVEN": "yes"})
    yield spawner
    spawner.close()


def test_a_child_outlives_the_thread_that_asked_for_it(spawner: Spawner, tmp_path: Path):
    (tmp_path / "here.py").write_text("def handler(event, context): return 'here'")
    children: list[ChildProcess] = []

    def ask_for_one() -> None:
        children.append(spawner.start(here(tmp_path)))
        ask(children[0], tmp_path)

    thread = threading.Thread(target=ask_for_one)
    thread.start()
    thread.join()
    for _ in range(50):
        assert ask(children[0], tmp_path) == {"result": '"here"'}
    children[0].end(Output(0))
    assert gone(children[0].pid)


def ask(child: ChildProcess, root: Path) -> dict[str, Any]:
    request = {
        "module": "here",
        "path": str(root / "here.py"),
        "handler": "handler",
        "event": "null",
        "context": {**CONTEXT, "remaining_ms": 1000},
    }
    return child.exchange(request, time.monotonic() + ENOUGH_SECONDS, Output(0))


def test_an_ended_child_leaves_no_descriptor_behind(spawner: Spawner, tmp_path: Path):
    spawner.start(here(tmp_path)).end(Output(0))
    before = open_descriptors()
    spawner.start(here(tmp_path)).end(Output(0))
    assert open_descriptors() == before


def test_a_start_that_fails_leaves_no_descriptor_behind(spawner: Spawner, tmp_path: Path):
    before = open_descriptors()
    with pytest.raises(OSError):
        spawner.start(here(tmp_path / "missing"))
    assert open_descriptors() == before


def test_a_child_leads_a_group_of_its_own(spawner: Spawner, tmp_path: Path):
    child = spawner.start(here(tmp_path))
    assert os.getpgid(child.pid) == os.getsid(child.pid) == child.pid
    child.end(Output(0))


def test_a_sandbox_is_refused_after_a_fork(spawner: Spawner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(RuntimeError, match="fork"):
        spawner.start(here(tmp_path))


def test_a_busy_child_dies_with_a_parent_that_was_killed(tmp_path: Path):
    pid_file = tmp_path / "pid"
    (tmp_path / "busy.py").write_text(
        f"import os\ndef handler(event, context):\n"
        f"    with open('pid.part', 'w') as file: file.write(str(os.getpid()))\n"
        f"    os.rename('pid.part', {str(pid_file)!r})\n    while True: pass"
    )
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)]) as holder:
        try:
            wait_until(pid_file.exists)
            child = int(pid_file.read_text())
            assert not gone(child)
        finally:
            holder.kill()
    try:
        wait_until(lambda: gone(child))
    finally:
        if not gone(child):
            os.kill(child, signal.SIGKILL)


def test_an_idle_child_dies_when_its_pipe_closes(spawner: Spawner, tmp_path: Path):
    child = spawner.start(here(tmp_path))
    os.close(child._requests)
    wait_until(lambda: gone(child.pid))
    child._requests = os.open(os.devnull, os.O_WRONLY)
    child.end(Output(0))
