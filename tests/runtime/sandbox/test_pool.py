from __future__ import annotations

import json
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stepwell.runtime.sandbox.pool import How
from tests.runtime.sandbox.bench import Bench, answer, gone, open_bench, wait_until

BUSY = {
    "python": "while True: pass",
    "c": "import collections, itertools; collections.deque(itertools.repeat(0), maxlen=0)",
    "asleep": "time.sleep(3600)",
    "stubborn": "import signal\nfor number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)\ntime.sleep(3600)",
    "waiting": "subprocess.run(['/bin/sleep', '3600'])",
    "flooding": "while True: print('x' * 1000)",
}
STARTED = "import os, subprocess, time; print(os.getpid(), flush=True); open(event, 'x').close()\n"


def start(bench: Bench, workers: ThreadPoolExecutor, mark: Path, key: str, body: str = BUSY["python"]):
    """Begin a call. It runs when this returns."""
    bench.write(mark.name, "def handler(event, context):\n    " + (STARTED + body).replace("\n", "\n    "))
    call = workers.submit(bench.call, mark.name, str(mark), key=key)
    wait_until(mark.exists)
    return call


@pytest.fixture
def workers():
    with ThreadPoolExecutor(8) as workers:
        yield workers


def warm(bench: Bench, first: str, then: str) -> int:
    """Run ``first`` and then ``then``. Returns the result of ``first`` from the same child."""
    branches = textwrap.indent(first, "        ") + "\n    " + then.replace("\n", "\n    ")
    bench.write("busy", "import os, subprocess, time\ndef handler(event, context):\n    if event:\n" + branches)
    return bench.result("busy", True)


@pytest.mark.parametrize("body", BUSY.values(), ids=BUSY)
def test_a_timeout_ends_the_work(bench: Bench, body: str):
    child = warm(bench, "return os.getpid()", body)
    ending = bench.call("busy", timeout=0.3)
    assert ending.how is How.OVERDUE
    assert 0.3 <= ending.seconds < 5
    assert gone(child)


def test_a_timeout_ends_what_the_handler_started(bench: Bench):
    grandchild = warm(bench, "return subprocess.Popen(['/bin/sleep', '3600']).pid", "time.sleep(3600)")
    assert not gone(grandchild)
    assert bench.call("busy", timeout=0.1).how is How.OVERDUE
    wait_until(lambda: gone(grandchild))


def test_a_timeout_costs_one_attempt(bench: Bench):
    bench.run("while True: pass", timeout=0.1)
    assert answer(bench.run("return 1"))["result"] == "1"


def test_a_kill_ends_the_call_of_that_key_alone(bench: Bench, workers: ThreadPoolExecutor, tmp_path: Path):
    doomed = start(bench, workers, tmp_path / "doomed", "doomed")
    other = start(bench, workers, tmp_path / "other", "other", "while os.path.exists(event): time.sleep(.001)")
    assert bench.pool.kill("doomed")
    assert doomed.result().how is How.KILLED
    assert gone(int(doomed.result().logs))
    (tmp_path / "other").unlink()
    assert other.result().how is How.ANSWERED


def test_a_kill_of_what_does_not_run_does_nothing(bench: Bench):
    assert not bench.pool.kill("nothing")
    bench.run("return 1", key="done")
    assert not bench.pool.kill("done")
    assert answer(bench.run("return 1", key="done"))["result"] == "1"


def test_a_kill_while_the_child_starts_is_not_lost(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    start_child = bench.pool._spawner.start

    def kill_meanwhile(root: Path):
        bench.pool.kill("key")
        return start_child(root)

    monkeypatch.setattr(bench.pool._spawner, "start", kill_meanwhile)
    assert bench.run("while True: pass").how is How.KILLED


def test_close_kills_what_runs_and_refuses_what_comes(bench: Bench, workers: ThreadPoolExecutor, tmp_path: Path):
    running = [start(bench, workers, tmp_path / f"run{n}", f"{n}") for n in range(3)]
    bench.pool.close()
    assert not bench.pool._runs
    for call in running:
        assert call.result().how is How.KILLED
        assert gone(int(call.result().logs))
    assert bench.run("return 1").how is How.KILLED


def test_close_kills_the_idle(tmp_path: Path):
    with open_bench(tmp_path) as bench:
        pid = int(answer(bench.run("import os; return os.getpid()"))["result"])
        assert not gone(pid)
    assert gone(pid)


def test_close_ends_its_threads(tmp_path: Path):
    before = threading.active_count()
    with open_bench(tmp_path) as bench:
        bench.run("return 1")
    assert threading.active_count() == before


def test_no_more_children_stay_idle_than_allowed(tmp_path: Path, workers: ThreadPoolExecutor):
    with open_bench(tmp_path, idle_limit=1) as bench:
        calls = [
            start(bench, workers, tmp_path / f"run{n}", f"{n}", "while os.path.exists(event): time.sleep(.001)")
            for n in range(3)
        ]
        for n in range(3):
            (tmp_path / f"run{n}").unlink()
        pids = [int(call.result().logs) for call in calls]
        assert sum(not gone(pid) for pid in pids) == 1


def test_a_child_that_died_while_idle_is_replaced(bench: Bench):
    bench.write("pid", "import os\ndef handler(event, context): return os.getpid()")
    pid = bench.result("pid")
    bench.pool._idle[0][1].kill()
    wait_until(lambda: gone(pid))
    assert bench.result("pid") != pid


def test_eight_threads_get_their_own_answers(bench: Bench, workers: ThreadPoolExecutor):
    bench.write("echo", "def handler(event, context):\n    print(event)\n    return event")

    def run(number: int) -> bool:
        ending = bench.call("echo", number, key=str(number))
        return (answer(ending)["result"], ending.logs) == (json.dumps(number), f"{number}\n")

    assert all(workers.map(run, range(200)))
    assert len(bench.pool._idle) <= 8


def test_a_failure_of_our_own_ends_the_child(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    bench.write("pid", "import os\ndef handler(event, context): return os.getpid()")
    pid = bench.result("pid")
    child = bench.pool._idle[0][1]
    monkeypatch.setattr(child, "_answer", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench.call("pid")
    assert gone(pid)
    assert not bench.pool._idle and not bench.pool._runs
