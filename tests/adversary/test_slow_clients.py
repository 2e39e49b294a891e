"""Clients that are silent, slow or many hold sockets and places, and keep nobody else from being answered.

Both servers are attacked, gunicorn with our configuration and the emulator. Nothing is timed: the deadlines are
settings, so an attack lasts for as long as its test, or ends when the test awaits its end.
"""

from __future__ import annotations

import json
import resource
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import pytest

from tests.adversary.servers import EMULATOR, GUNICORN, Server, serving
from tests.services import until

SOCKETS = 1000
PATIENT = {"STEPWELL_HEAD_SECONDS": "3600", "STEPWELL_BODY_SECONDS": "3600"}
SOON = "0.3"
KEY = "me:a-secret-of-sixteen"
WITH_KEY = f"Authorization: Bearer {KEY}\r\n".encode()
HOST = b"Host: localhost\r\n"
POST = b"POST /workflows HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
HALVES = {
    "nothing": b"",
    "half a head": b"GET /health HTTP/1.1\r\nHost: loc",
    "half a body": POST + b'Content-Length: 60\r\n\r\n{"name": ',
    "half a chunk": POST + b'Transfer-Encoding: chunked\r\n\r\n40\r\n{"name": ',
    "half a long body": POST + b"Content-Length: 900000\r\n\r\n" + b"{" * 100_000,
}
GATED = """
import time
from pathlib import Path

TIMEOUT_SECONDS = 300
{constants}

def handler(event, context):
    place = Path({place!r})
    (place / context.aws_request_id).touch()
    while not (place / "gate").exists():
        time.sleep(0.01)
    return {{"opened": True}}
"""
PLACES = 8
COMMANDS = {"gunicorn": GUNICORN, "emulator": EMULATOR}

Serve = Callable[..., Server]


@pytest.fixture(scope="module", autouse=True)
def enough_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))


@pytest.fixture(params=COMMANDS)
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with these settings."""
    with ExitStack() as opened:
        name = request.param
        yield lambda **settings: opened.enter_context(serving(name, COMMANDS[name], tmp_path, **settings))


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


@contextmanager
def many(server: Server, count: int, *sent: bytes) -> Iterator[list[socket.socket]]:
    """This many connections, each of which has sent this and sends nothing more."""
    with ExitStack() as opened:
        clients = [opened.enter_context(closing(connected(server))) for _ in range(count)]
        for client in clients:
            client.sendall(b"".join(sent))
        yield clients


def answered(clients: Sequence[socket.socket]) -> list[socket.socket]:
    """Those that have got an answer, or have been disconnected."""
    with DefaultSelector() as selector:
        for client in clients:
            selector.register(client, EVENT_READ)
        return [key.fileobj for key, _ in selector.select(0)]  # type: ignore[misc]


def ask(server: Server, method: str, path: str, body: Any = None, headers: bytes = b"") -> tuple[int, Any]:
    text = b"" if body is None else json.dumps(body).encode()
    with closing(connected(server)) as client:
        client.sendall(request(method, path, text, headers + b"Connection: close\r\n"))
        return parsed(client)


def request(method: str, path: str, text: bytes = b"", headers: bytes = b"") -> bytes:
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(text) if text else b""
    return f"{method} {path} HTTP/1.1\r\n".encode() + HOST + headers + length + b"\r\n" + text


def parsed(client: socket.socket) -> tuple[int, Any]:
    """The status and the JSON of the next answer on this connection."""
    with client.makefile("rb") as file:
        status = int(file.readline().split()[1])
        lines = [line.decode().lower() for line in iter(file.readline, b"\r\n")]
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
        return status, json.loads(file.read(length) or b"null")


def aws(operation: str, headers: bytes = b"", **given: Any) -> bytes:
    target = f"X-Amz-Target: AWSStepFunctions.{operation}\r\n".encode()
    return request("POST", "/", json.dumps(given).encode(), headers + target)


def others_are_answered(server: Server, headers: bytes = b"") -> None:
    """Liveness, readiness, a start and a look at it."""
    assert ask(server, "GET", "/health")[0] == 200
    assert ask(server, "GET", "/ready", headers=headers)[0] == 200
    status, begun = ask(server, "POST", "/workflows/invoice_pdf/execute", headers=headers)
    assert status == 201
    assert ask(server, "GET", f"/executions/{begun['executionId']}", headers=headers)[0] == 200


# Sockets


@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_1000_sockets_that_wait_keep_nobody_waiting(serve: Serve, sent: bytes) -> None:
    server = serve(**PATIENT)
    with many(server, SOCKETS if len(sent) < 1000 else 100, sent) as clients:
        others_are_answered(server)
        assert not answered(clients)
    others_are_answered(server)


def test_without_a_key_they_keep_nobody_waiting_either(serve: Serve) -> None:
    server = serve(**PATIENT, STEPWELL_ACCESS_KEYS=KEY)
    with ExitStack() as opened:
        for half in HALVES.values():
            opened.enter_context(many(server, 100, half))
        others_are_answered(server, WITH_KEY)


def test_a_long_body_without_a_key_is_refused_by_its_head(serve: Serve) -> None:
    """The body never comes: who answers only after it would hold the connection for as long as its sender likes."""
    server = serve(**PATIENT, STEPWELL_ACCESS_KEYS=KEY)
    zip_ = b"POST /2015-03-31/functions HTTP/1.1\r\n" + HOST + b"Content-Length: 70000000\r\n"
    with closing(connected(server)) as client:
        client.sendall(zip_ + b"\r\n" + b"x" * 1000)
        assert parsed(client)[0] == 403
    with closing(connected(server)) as client:
        client.sendall(zip_ + b"Expect: 100-continue\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 403"


@pytest.mark.parametrize("before", [b"", request("GET", "/health")], ids=["at first", "after a request"])
def test_a_head_that_drips_ends_at_its_deadline(serve: Serve, before: bytes) -> None:
    server = serve(**PATIENT | {"STEPWELL_HEAD_SECONDS": SOON})
    with closing(connected(server)) as client:
        if before:
            client.sendall(before)
            assert parsed(client)[0] == 200
        client.sendall(b"GET /health HTTP/1.1\r\n")

        def has_ended() -> bool:
            with suppress(ConnectionError):
                client.sendall(b"X: y\r\n")
            return bool(answered([client]))

        until(has_ended, "the deadline ends it")
        with suppress(ConnectionError):
            assert client.recv(13) == b"HTTP/1.1 408 "


def test_a_body_that_drips_ends_below_the_least_rate(serve: Serve) -> None:
    server = serve(STEPWELL_BODY_SECONDS=SOON, STEPWELL_BODY_RATE="1000000000")
    with closing(connected(server)) as client:
        client.sendall(POST + b"Content-Length: 60\r\n\r\n{")
        status, said = parsed(client)
        assert (status, said["error"]["code"]) == (408, "RequestTimeout")


def test_70_mb_pass_on_a_slow_line(serve: Serve) -> None:
    """They come for longer than the time that a body has, but never below the least rate."""
    server = serve(**PATIENT | {"STEPWELL_BODY_SECONDS": "0.01"}, STEPWELL_BODY_RATE="20")
    sent = 0
    with closing(connected(server)) as client:
        client.sendall(
            request("POST", "/2015-03-31/functions")[:-2] + b"Content-Length: 70000000\r\n\r\n" + b" " * 2000
        )
        for _ in range(999):
            others = ask(server, "GET", "/health")[0] if sent % 10_000_000 < 70_000 else 200
            client.sendall(b" " * 70_000)
            sent += 70_000
            assert others == 200
        client.sendall(b" " * (70_000_000 - 2000 - sent))
        assert parsed(client)[0] == 400  # blanks are no function, and it was read to its end to see it


def test_who_never_reads_keeps_nobody_waiting(serve: Serve, tmp_path: Path) -> None:
    server = serve(**PATIENT)
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir(exist_ok=True)
    (artifacts / "large.bin").write_bytes(bytes(16 << 20))
    with many(server, 12, request("GET", "/artifacts/large.bin")) as clients:
        until(lambda: len(answered(clients)) == 12, "all answers have begun")
        others_are_answered(server)


# Requests that wait


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A directory of functions that wait for a file in it: the step ``gated``, and the endpoint GET /gated."""
    place = tmp_path / "place"
    for folder, constants in (("steps", ""), ("api", 'ROUTE = "GET /gated"')):
        (tmp_path / "mine" / folder).mkdir(parents=True)
        text = GATED.format(place=str(place), constants=constants)
        (tmp_path / "mine" / folder / "gated.py").write_text(text)
    place.mkdir()
    return place


def test_60_pollers_keep_nobody_waiting(serve: Serve) -> None:
    server = serve(**PATIENT)
    arn = "arn:aws:states:us-east-1:123456789012:activity:dig"
    with many(server, 1, aws("CreateActivity", name="dig")) as (one,):
        assert parsed(one)[0] == 200
    places = 24
    with many(server, 60, aws("GetActivityTask", activityArn=arn)) as polls:
        until(lambda: len(answered(polls)) == 60 - places, "those beyond the places are answered")
        for poll in answered(polls):
            assert parsed(poll) == (200, {})
        others_are_answered(server)


@pytest.mark.parametrize("kind", ["TestState", "StartSyncExecution", "invoke", "Invoke", "endpoint"])
def test_whoever_waits_for_a_function_keeps_nobody_else_waiting(
    serve: Serve, gate: Path, tmp_path: Path, kind: str
) -> None:
    server = serve(**PATIENT, STEPWELL_WAITING=str(PLACES), FUNCTIONS_PATH=str(tmp_path / "mine"))
    task = {"Type": "Task", "Resource": "gated", "End": True}
    machine = json.dumps({"StartAt": "A", "States": {"A": task}})
    role = "arn:aws:iam::123456789012:role/states"
    with many(server, 1, aws("CreateStateMachine", name="m", definition=machine, roleArn=role, type="EXPRESS")) as (
        one,
    ):
        status, made = parsed(one)
        assert status == 200, made
    sent, refusal = {
        "TestState": (aws("TestState", definition=json.dumps(task), roleArn=role), (400, "ThrottlingException")),
        "StartSyncExecution": (
            aws("StartSyncExecution", stateMachineArn=made["stateMachineArn"]),
            (400, "ThrottlingException"),
        ),
        "invoke": (request("POST", "/functions/gated/invoke", b"{}"), (429, "TooManyRequests")),
        "Invoke": (request("POST", "/2015-03-31/functions/gated/invocations", b"{}"), (429, None)),
        "endpoint": (request("GET", "/gated"), (429, "TooManyRequests")),
    }[kind]
    with many(server, PLACES + 4, sent) as clients:
        until(lambda: len(answered(clients)) == 4, "those beyond the places are answered")
        until(lambda: len(list(gate.iterdir())) == PLACES, "the others run")
        refused = answered(clients)
        for one in refused:
            status, said = parsed(one)
            code = said.get("__type") or said.get("error", {}).get("code")
            assert (status, code) == refusal, said
        others_are_answered(server)
        (gate / "gate").touch()
        assert {parsed(one)[0] for one in clients if one not in refused} == {200}
