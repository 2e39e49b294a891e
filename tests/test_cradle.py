"""The cradle starts processes like any other: each has its own session, environment and log, and ends by itself."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cradle import Born, Cradle
from tests.services import until

PRINTS = """
import atexit, os, sys, threading
atexit.register(print, "ended", flush=True)
threading.Thread(target=os.write, args=(1, b"a thread\\n")).start()  # in one piece, as print() is not
print(sys.argv[1:], __name__, os.environ["WORD"], "PATH" in os.environ, os.getsid(0) == os.getpid(), flush=True)
sys.exit(7)
"""
LASTS = "import signal; print('begun', flush=True); signal.pause()"


@pytest.fixture(scope="module")
def cradle() -> Iterator[Cradle]:
    made = Cradle()
    yield made
    made.close()


def begun(cradle: Cradle, place: Path, text: str, *arguments: str) -> Born:
    (place / "program.py").write_text(text)
    return cradle.start([place / "program.py", *arguments], {"WORD": "well"}, place / "log")


def lasting(cradle: Cradle, place: Path) -> Born:
    child = begun(cradle, place, LASTS)
    until(lambda: "begun" in (place / "log").read_text(), "the child has begun")
    return child


def test_a_child_runs_a_command_line_and_ends_as_an_interpreter_does(cradle: Cradle, tmp_path: Path) -> None:
    child = begun(cradle, tmp_path, PRINTS, "one", "two")
    assert child.wait(60) == child.poll() == child.returncode == 7
    printed = (tmp_path / "log").read_text().splitlines()
    assert sorted(printed[:-1]) == ["['one', 'two'] __main__ well False True", "a thread"]
    assert printed[-1] == "ended"


def test_a_child_runs_a_module(cradle: Cradle, tmp_path: Path) -> None:
    child = cradle.start(["-m", "emulator", "nonsense"], {}, tmp_path / "log")
    assert child.wait(60) == 2
    assert (tmp_path / "log").read_text().startswith("Stepwell does not start: it knows no argument but env")


def test_a_child_that_fails_tells_why(cradle: Cradle, tmp_path: Path) -> None:
    child = begun(cradle, tmp_path, "raise LookupError('nothing here')")
    assert child.wait(60) == 1
    assert (tmp_path / "log").read_text().endswith("LookupError: nothing here\n")


def test_a_child_can_be_killed_and_others_live(cradle: Cradle, tmp_path: Path) -> None:
    children = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        children.append(lasting(cradle, tmp_path / name))
    with pytest.raises(subprocess.TimeoutExpired):
        children[0].wait(0.01)
    children[0].send_signal(signal.SIGKILL)
    assert children[0].wait(60) == -signal.SIGKILL and children[1].poll() is None
    os.killpg(children[1].pid, signal.SIGTERM)
    assert children[1].wait(60) == -signal.SIGTERM


def test_a_child_has_no_threads_and_no_files_of_the_cradle(cradle: Cradle, tmp_path: Path) -> None:
    child = lasting(cradle, tmp_path)
    found = psutil.Process(child.pid)
    assert found.num_threads() == 1 and found.num_fds() == 3
    child.send_signal(signal.SIGKILL)


def test_children_end_with_their_cradle(tmp_path: Path) -> None:
    made = Cradle()
    child = psutil.Process(lasting(made, tmp_path).pid)
    made.close()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child is dead")
