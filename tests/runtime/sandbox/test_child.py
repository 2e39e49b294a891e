"""The child as seen by a handler: its surroundings, its faults, and its effects on the next call."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.runtime.sandbox.pool import How
from stepwell.runtime.sandbox.spawner import SCRIPT
from tests.runtime.sandbox.bench import CONTEXT, ENOUGH_SECONDS, Bench, answer, gone, wait_until

ID = CONTEXT["aws_request_id"]

DETACH = """
import os, time
if (pid := os.fork()) == 0:
    os.setsid()
    time.sleep(3600)
"""


def test_event_goes_in_and_result_comes_out(bench: Bench):
    bench.write("echo", "def handler(event, context): return event")
    for event in ({"big": "x" * (256 << 10)}, None, 0, "é\u2028", [1, {"a": []}]):
        assert bench.result("echo", event) == event


def test_the_context_is_lambdas_and_nothing_else(bench: Bench):
    bench.write(
        "send",
        """
        def handler(event, context):
            context.log("logged")
            names = [name for name in dir(context) if not name.startswith("_")]
            values = {name: getattr(context, name) for name in names}
            identity = values["identity"]
            values["identity"] = [identity.cognito_identity_id, identity.cognito_identity_pool_id]
            return {name: value() if callable(value) and name != "log" else value
                    for name, value in values.items() if name != "log"}
        """,
    )
    found = bench.result("send")
    assert 0 < found.pop("get_remaining_time_in_millis") <= 30_000
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", found.pop("log_stream_name"))
    assert found == {**CONTEXT, "client_context": None, "tenant_id": None, "identity": [None, None], "w3c": {}}
    assert bench.call("send").logs == "logged"


def test_the_remaining_time_is_never_below_zero(bench: Bench):
    body = "context._deadline -= 60\nreturn context.get_remaining_time_in_millis()"
    assert answer(bench.run(body))["result"] == "0"


def test_the_environment_is_what_was_given_and_lambdas_names(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    bench.write("look", "import os, sys\ndef handler(event, context): return [dict(os.environ), sys.argv, os.getcwd()]")
    environment, arguments, home = bench.result("look")
    assert environment["GIVEN"] == "yes"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "send"
    assert environment["LAMBDA_TASK_ROOT"] == home == str(bench.root)
    assert environment["_HANDLER"] == "steps.look.handler"
    assert arguments == [""]
    lambdas = re.compile("AWS_.*|LAMBDA_TASK_ROOT|_HANDLER|TZ|LC_CTYPE")  # LC_CTYPE: Python's own
    assert {name for name in environment if not lambdas.fullmatch(name)} == {"PATH", "GIVEN"}


def test_standard_input_is_empty(bench: Bench):
    ours = os.dup(0)
    with open(__file__) as text:
        os.dup2(text.fileno(), 0)
    try:
        assert answer(bench.run("import sys\nreturn sys.stdin.read()"))["result"] == '""'
    finally:
        os.dup2(ours, 0)
        os.close(ours)


def test_everything_printed_is_captured_in_order(bench: Bench):
    ending = bench.run(
        """
        import logging, os, subprocess, sys
        print("one")
        print("two", file=sys.stderr)
        os.write(1, b"three\\n")
        subprocess.run(["/bin/sh", "-c", "echo four; echo five >&2"])
        logging.getLogger("any").info("six")
        print("seven", end="")
        """
    )
    assert re.sub(r"\d{4}-.*Z", "TIME", ending.logs) == f"one\ntwo\nthree\nfour\nfive\n[INFO]\tTIME\t{ID}\tsix\nseven"
    assert re.search(r"\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t", ending.logs)


def test_half_a_surrogate_nul_and_broken_utf8_can_be_printed(bench: Bench):
    ending = bench.run(r'import os; print("\ud800\0"); os.write(1, b"\xff")')
    assert ending.how is How.ANSWERED
    assert ending.logs == "\\ud800\N{REPLACEMENT CHARACTER}\n\N{REPLACEMENT CHARACTER}"


def test_ten_megabytes_of_prints_keep_head_and_tail(bench: Bench):
    ending = bench.run("print('first')\nfor _ in range(10_000): print('x' * 1023)\nprint('last', end='')")
    assert ending.how is How.ANSWERED
    assert ending.logs.startswith("first\n") and ending.logs.endswith("last")
    assert "bytes dropped" in ending.logs and len(ending.logs) < (1 << 16) + 64


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="a pipe's size is Linux's to change")
def test_what_is_in_the_pipe_when_the_answer_comes_is_taken(bench: Bench):
    body = "import fcntl, os\nfcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 20)\nos.write(1, b'x' * 800_000 + b'last')"
    assert bench.run(body).logs.endswith("xlast")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import os; os._exit(9)", "exit status 9"),
        ("import os; os._exit(0)", None),
        ("import sys; sys.exit(3)", "exit status 3"),
        ("import sys; sys.exit()", None),
        ("import sys; sys.exit('no more')", "exit status 1"),
        ("raise KeyboardInterrupt", "exit status 1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal: killed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "signal: terminated"),
        ("import ctypes; ctypes.string_at(0)", "signal: segmentation fault"),
        ("import os; os.abort()", "signal: aborted"),
    ],
)
def test_an_exit_is_told_in_lambdas_words_and_costs_one_attempt(bench: Bench, body: str, said: str | None):
    ending = bench.run(f"print('last words')\n{body}")
    assert (ending.how, ending.exit) == (How.EXITED, said)
    assert ending.logs.startswith("last words\n")
    assert answer(bench.run("return 1"))["result"] == "1"


def test_an_exit_while_importing_is_an_exit(bench: Bench):
    bench.write("leaves", "import sys\nsys.exit(4)")
    assert bench.call("leaves").exit == "exit status 4"


def test_a_crash_leaves_no_core_file(bench: Bench):
    assert answer(bench.run("import resource; return resource.getrlimit(resource.RLIMIT_CORE)"))["result"] == "[0,0]"


def test_what_an_exit_leaves_running_does_not_hold_the_child(bench: Bench):
    ending = bench.run(
        """
        import atexit, sys, threading, time
        threading.Thread(target=time.sleep, args=(3600,)).start()
        atexit.register(time.sleep, 3600)
        sys.exit(5)
        """
    )
    assert ending.exit == "exit status 5"


@pytest.mark.parametrize(
    "body",
    [
        "import os; os.closerange(0, 256)",
        "import os; os.closerange(3, 256)",
        "import os; os.closerange(3, 256); [open(os.devnull, 'w') for _ in range(20)]",
        "import os; os.close(1); os.open(os.devnull, os.O_WRONLY)",
    ],
)
def test_closing_the_childs_descriptors_costs_one_attempt(bench: Bench, body: str):
    assert bench.run(body).how is How.EXITED
    assert bench.run("print('here')").logs == "here\n"


def test_garbage_on_every_descriptor_costs_one_attempt(bench: Bench):
    body = """
    import contextlib, os
    for fd in range(3, 1000):
        with contextlib.suppress(OSError):
            os.write(fd, event.encode())
    """
    for garbage in ("garbage!", "\0\0\0\2[]", "\0\0\0\1{", "\0\0\0\4nulltrailing", "\0"):
        assert bench.run(body, garbage).how is How.EXITED, garbage
    assert answer(bench.run("return 1"))["result"] == "1"


def test_a_replaced_stdout_is_put_back(bench: Bench):
    bench.write(
        "swap", "import io, os, sys\ndef handler(event, context):\n    sys.stdout = io.StringIO()\n    print(1)"
    )
    bench.write("plain", "def handler(event, context): print('plain')")
    assert bench.call("swap").logs == ""
    assert bench.call("plain").logs == "plain\n"


@pytest.mark.parametrize("ruin", ["sys.stdout.close()", "sys.stderr.close()", "sys.stdout.detach()"])
def test_a_child_without_its_streams_is_not_used_again(bench: Bench, ruin: str):
    bench.write("pid", "import os\ndef handler(event, context):\n    print('here')\n    return os.getpid()")
    before = bench.result("pid")
    bench.write("ruin", f"import sys\ndef handler(event, context): {ruin}")
    bench.call("ruin")
    after = bench.call("pid")
    assert answer(after)["result"] != str(before)
    assert after.logs == "here\n"


def test_an_error_is_reported_even_where_stderr_is_ruined(bench: Bench):
    body = "import sys\nsys.stderr = None\nsys.stdout = 7\nraise ValueError('boom')"
    assert answer(bench.run(body))["error"]["errorType"] == "ValueError"


def test_an_alarm_does_not_strike_the_next(bench: Bench):
    bench.write(
        "arm", "import os, signal\ndef handler(event, context):\n    signal.alarm(3600)\n    return os.getpid()"
    )
    bench.write("rest", "import os, signal\ndef handler(event, context): return [os.getpid(), signal.alarm(0)]")
    armed = bench.result("arm")
    assert bench.result("rest") == [armed, 0]


def test_a_function_sees_its_own_environment_and_directory_and_no_others(bench: Bench):
    change = """
    import os
    def handler(event, context):
        found = [os.environ.get("LEFT"), os.getcwd(), os.getpid()]
        os.environ["LEFT"] = "behind"
        os.environ.pop("GIVEN", None)
        os.chdir("/")
        return found
    """
    bench.write("one", change)
    bench.write("two", change)
    first, again, other = (bench.result(name) for name in ("one", "one", "two"))
    assert first[:2] == [None, str(bench.root)]
    assert again == ["behind", "/", first[2]]
    assert other == first
    look = bench.write("look", "import os\ndef handler(event, context): return os.environ['GIVEN']")
    assert look.exists() and bench.result("look") == "yes"


def test_what_a_handler_starts_inherits_no_pipe_of_ours(bench: Bench):
    logs = bench.run("import os; os.system('ls /dev/fd')").logs
    assert set(logs.split()) <= {"0", "1", "2", "3"}  # 3: the listed directory itself


def test_a_fork_that_returns_does_not_answer(bench: Bench):
    bench.write("fork", "import os\ndef handler(event, context):\n    return 'child' if os.fork() == 0 else 'parent'")
    assert [bench.result("fork") for _ in range(5)] == ["parent"] * 5


def test_multiprocessing_finds_nothing_of_ours_to_import(bench: Bench):
    bench.write(
        "many",
        """
        import multiprocessing, os
        def double(number): return 2 * number
        def handler(event, context):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.map(double, event)
        """,
    )
    assert bench.result("many", [1, 2, 3]) == [2, 4, 6]


def test_what_is_printed_between_two_calls_belongs_to_neither(bench: Bench):
    bench.write(
        "late",
        """
        import os, threading, time
        def speak(event):
            while not os.path.exists(event + ".go"):
                time.sleep(0.001)
            print("too late", flush=True)
            open(event + ".done", "w").close()
        def handler(event, context):
            threading.Thread(target=speak, args=(event,), daemon=True).start()
            return os.getpid()
        """,
    )
    bench.write("next", "import os\ndef handler(event, context):\n    print('next')\n    return os.getpid()")
    signal_file = bench.root / "signal"
    pid = bench.result("late", str(signal_file))
    signal_file.with_suffix(".go").touch()
    wait_until(signal_file.with_suffix(".done").exists)
    ending = bench.call("next")
    assert answer(ending)["result"] == str(pid)
    assert ending.logs == "next\n"


def test_a_grandchild_that_outlives_its_call_does_not_hold_it(bench: Bench):
    ending = bench.run("import subprocess; return subprocess.Popen(['/bin/sleep', '3600']).pid")
    grandchild = int(answer(ending)["result"])
    assert not gone(grandchild)
    bench.pool.close()
    wait_until(lambda: gone(grandchild))


def test_a_detached_fork_that_holds_every_pipe_does_not_hold_the_parent(bench: Bench):
    ending = bench.run(DETACH + "return pid")
    os.kill(int(answer(ending)["result"]), signal.SIGKILL)
    ending = bench.run(DETACH + "print(pid)\nos._exit(9)")
    os.kill(int(ending.logs), signal.SIGKILL)
    assert (ending.how, ending.exit) == (How.EXITED, "exit status 9")


def test_a_flood_from_a_grandchild_does_not_hold_the_answer(bench: Bench):
    ending = bench.run(
        "import subprocess; subprocess.Popen(['/bin/sh', '-c', 'while :; do echo flood; done'])\nreturn 1"
    )
    assert answer(ending)["result"] == "1"


def test_a_result_beyond_lambdas_own_limit_is_not_sent(bench: Bench):
    assert answer(bench.run("return 'é' * 4_000_000")) == {"oversize": 8_000_002}


def test_a_child_that_grew_much_is_not_used_again(bench: Bench):
    bench.write(
        "grow",
        """
        import os, resource, types
        def handler(event, context):
            if event:
                resource.getrusage = lambda who: types.SimpleNamespace(ru_maxrss=1 << 40)
            return os.getpid()
        """,
    )
    small = bench.result("grow", False)
    assert bench.result("grow", True) == small
    assert gone(small)
    assert bench.result("grow", False) != small


def test_a_child_whose_parent_died_before_it_could_ask_to_be_told_ends_at_once(tmp_path: Path):
    requests, hold = os.pipe()
    command = [sys.executable, str(SCRIPT), "1", str(requests), str(hold), str(tmp_path)]
    try:
        ended = subprocess.run(command, pass_fds=(requests, hold), timeout=ENOUGH_SECONDS)
    finally:
        os.close(requests)
        os.close(hold)
    assert ended.returncode == 0


WATCHED = f"""
import os, sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
import child
parent = os.getppid()
print(os.getpid(), flush=True)
child._watch_parent(parent, 0.01)
"""


def test_where_there_is_no_death_signal_a_thread_watches_the_parent():
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])", WATCHED],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
        wait_until(lambda: gone(child))
