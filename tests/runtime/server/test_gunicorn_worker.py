"""Gunicorn with its own options, served by our worker class."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.services import free_port, until

WORKER = "stepwell.runtime.server.gunicorn_worker.ParkingWorker"
APP = """
import os
import time
from pathlib import Path
from stepwell.runtime.server.capacity import SERVED, Application

PLACE = Path(__file__).parent

class App:
    def __init__(self):
        self.extensions = {SERVED: Application(self, lambda request: 1 << 20)}

    def __call__(self, environ, start):
        if environ["PATH_INFO"] == "/gate":
            (PLACE / "begun").touch()
            while not (PLACE / "gate").exists():
                time.sleep(0.01)
        said = " ".join((environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["RAW_URI"], str(os.getpid()))).encode()
        start("200 OK", [("content-length", str(len(said)))])
        return [said]

app = App()
"""


@contextmanager
def gunicorn(place: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    (place / "own_app.py").write_text(APP)
    path = os.pathsep.join((str(place), os.getcwd()))
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-k", WORKER, "-c", os.devnull, *options, "own_app:app"],
            env={**os.environ, "PYTHONPATH": path, **environment},
            stdout=log,
            stderr=log,
            cwd=place,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def said(place: Path) -> str:
    return (place / "log").read_text()


def opened(address: tuple[str, int] | str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    client.settimeout(60)
    try:
        client.connect(address)
    except OSError:
        client.close()
        raise
    return client


def answers(address: tuple[str, int] | str) -> bool:
    try:
        return bool(ask(address, "/"))
    except OSError:
        return False


def ask(address: tuple[str, int] | str, path: str) -> list[str]:
    """The words of the answer."""
    with closing(opened(address)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        with client.makefile("rb") as file:
            return file.read().partition(b"\r\n\r\n")[2].decode().split(" ")


def test_a_socket_in_the_file_system_and_a_prefix_of_all_paths(tmp_path: Path) -> None:
    address = str(tmp_path / "s")
    with gunicorn(tmp_path, "-b", f"unix:{address}", SCRIPT_NAME="/app"):
        until(lambda: answers(address), "it is up")
        assert ask(address, "/app/x%2fy?z")[:3] == ["/app", "/x/y", "/app/x%2fy?z"]


def test_several_processes_answer_and_one_that_is_used_up_is_replaced(tmp_path: Path) -> None:
    address = ("127.0.0.1", free_port())
    with gunicorn(tmp_path, "-b", f"127.0.0.1:{address[1]}", "-w", "2", "--max-requests", "5"):
        until(lambda: answers(address), "it is up")
        pids: set[str] = set()

        def have_been_replaced() -> bool:
            pids.add(ask(address, "/")[3])
            return len(pids) > 3

        until(have_been_replaced, "other processes answer")


def test_at_sigterm_what_runs_is_answered(tmp_path: Path) -> None:
    address = ("127.0.0.1", free_port())
    with (
        gunicorn(tmp_path, "-b", f"127.0.0.1:{address[1]}", "--graceful-timeout", "60") as process,
        ExitStack() as all_,
    ):
        until(lambda: answers(address), "it is up")
        client = all_.enter_context(closing(opened(address)))
        client.sendall(b"GET /gate HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until((tmp_path / "begun").exists, "it runs")
        process.send_signal(signal.SIGTERM)
        until(lambda: "Handling signal: term" in said(tmp_path), "it ends")
        (tmp_path / "gate").touch()
        with client.makefile("rb") as file:
            answer = file.read()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert process.wait(60) == 0


def test_requests_are_logged_where_gunicorn_is_told_to(tmp_path: Path) -> None:
    address = ("127.0.0.1", free_port())
    with gunicorn(tmp_path, "-b", f"127.0.0.1:{address[1]}", "--access-logfile", "-"):
        until(lambda: answers(address), "it is up")
        ask(address, "/seen")
        until(lambda: '"GET /seen HTTP/1.1" 200' in said(tmp_path), "it is logged")


@pytest.mark.parametrize("option", ["--certfile", "--keyfile"])
def test_tls_is_refused_at_the_start(tmp_path: Path, option: str) -> None:
    (tmp_path / "pem").touch()
    with gunicorn(tmp_path, "-b", "127.0.0.1:0", option, str(tmp_path / "pem")) as process:
        assert process.wait(60) != 0
    assert "speaks no TLS" in said(tmp_path)
