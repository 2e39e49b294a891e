"""No handler reads the environment of the process that started it. All of it as an ordinary user: root reads all."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepwell.runtime.sandbox import parent
from stepwell.runtime.settings import ROOT, Settings
from tests.runtime.stage import Json
from tests.services import free_port, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc and prctl are Linux's")

SECRET = "postgresql://stepwell:not-for-handlers@127.0.0.1/x"
NOBODY = 65534
READ_ALL_FILES = 2
"""CAP_DAC_READ_SEARCH, since only root may be able to read Python itself. It opens no /proc/*/environ."""
LOOKS = '''
"""Lists the processes above this one that show it the secret."""

import os
from pathlib import Path

ROUTE = "GET /looks"


def handler(event, context):
    shown, looked, process = [], [], os.getppid()
    while process > 1:
        looked.append(process)
        try:
            if "not-for-handlers" in Path(f"/proc/{process}/environ").read_text():
                shown.append(process)
        except OSError:
            pass
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return {"shown": shown, "looked": len(looked), "user": os.getuid(), "own": "DATABASE_URL" in os.environ}
'''
SCRIPT = """
import os, sys
from stepwell.runtime.sandbox import parent

if sys.argv[1] == "hidden":
    parent.hide()
if os.fork() == 0:
    try:
        print("not-for-handlers" in open(f"/proc/{os.getppid()}/environ").read(), flush=True)
    except PermissionError:
        print("refused", flush=True)
    os._exit(0)
os.wait()
"""


def become_ordinary() -> None:
    """Give up root for good, and keep the right to read files. For a process that is about to execute a program."""
    if os.getuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    kept = 1 << READ_ALL_FILES
    libc.capset(struct.pack("Ii", 0x20080522, 0), struct.pack("6I", kept, kept, kept, 0, 0, 0))
    libc.prctl(47, 2, READ_ALL_FILES, 0, 0)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE


@pytest.mark.parametrize(("how", "says"), [("open", "True"), ("hidden", "refused")])
def test_a_child_reads_the_environment_of_its_parent_unless_it_is_hidden(how: str, says: str):
    environment = {**os.environ, "DATABASE_URL": SECRET}
    command = [sys.executable, "-c", SCRIPT, how]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, preexec_fn=become_ordinary, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == [says]


@contextmanager
def ordinary(command: list[str], place: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run a web process as an ordinary user. Yields its URL."""
    (place / "mine" / "api").mkdir(parents=True)
    (place / "mine" / "api" / "looks.py").write_text(LOOKS)
    if os.getuid() == 0:
        for path in (place, *place.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    port, log = free_port(), place / "log"
    own = {
        **os.environ,
        **environment,
        "PORT": str(port),
        "STEPWELL_HOME": str(place),
        "FUNCTIONS_PATH": str(place / "mine"),
        "SMTP_URL": SECRET.replace("postgresql", "smtp"),
        "HOME": str(place),
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=own, stdout=out, stderr=out, preexec_fn=become_ordinary, start_new_session=True
        )
    try:
        until(lambda: process.poll() is not None or answers(port), f"it is up; {log.read_text()[-2000:]}")
        assert process.poll() is None, log.read_text()[-2000:]
        yield f"http://127.0.0.1:{port}"
        assert "runs as root" not in log.read_text()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    try:
        return bool(ask(f"http://127.0.0.1:{port}/health"))
    except OSError:
        return False


def ask(url: str) -> Json:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())


WEB = [str(Path(sys.executable).with_name("gunicorn")), "stepwell.runtime.app:create_app()"]
COMMANDS = {"emulator": [sys.executable, "-m", "emulator"], "web": WEB}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_handler_is_shown_no_secret_by_any_process_above_it(tmp_path: Path, name: str):
    url = f"sqlite:///{tmp_path / 'not-for-handlers.db'}"
    migrated = {**os.environ, "DATABASE_URL": url}
    subprocess.run([sys.executable, "-m", "stepwell.db.migrate"], cwd=ROOT, env=migrated, check=True)
    with ordinary(COMMANDS[name], tmp_path, {"DATABASE_URL": url, "WEB_CONCURRENCY": "1"}) as served:
        found = ask(f"{served}/looks")
    assert found["shown"] == [] and found["looked"] >= (2 if name == "web" else 1)
    assert found["user"] != 0 and not found["own"]


def test_a_worker_hides_itself_and_says_that_it_is_root(monkeypatch: pytest.MonkeyPatch, caplog):
    from stepwell.runtime import worker

    hidden: list[bool] = []
    monkeypatch.setattr(parent, "hide", lambda: hidden.append(True))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(worker, "Runtime", lambda settings: None)
    monkeypatch.setattr(worker, "StepwellHuey", lambda runtime: "huey")
    monkeypatch.setattr(worker, "read_server_settings", Settings)
    assert worker.huey == "huey" and hidden
    assert re.search("runs as root", caplog.text)


def test_an_ordinary_user_is_not_warned(monkeypatch: pytest.MonkeyPatch, caplog):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    parent.warn_of_root()
    assert caplog.text == ""
