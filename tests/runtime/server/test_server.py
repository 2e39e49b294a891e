"""What a server does with its connections: silent, slow and hasty ones, and with those that are too many."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from stepwell.runtime.server import server as module
from stepwell.runtime.server.capacity import Capacity
from tests.runtime.server.conftest import PATIENT, Serve, echo, get, post
from tests.services import until

SOON = 0.2
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


class Gate:
    """An application that holds each request at a gate."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.opened = threading.Event()

    def __call__(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        self.begun.append(environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/gate":
            assert self.opened.wait(60)
        return echo(environ, start)


# One connection


def test_a_connection_is_kept_for_further_requests(serve: Serve) -> None:
    client = serve().client()
    for path in ("/a", "/b"):
        client.send(get(path))
        status, headers, body = client.answer()
        assert (status, headers["connection"], body) == (200, "keep-alive", f"GET {path} ".encode())


def test_requests_that_are_sent_at_once_are_answered_in_their_order(serve: Serve) -> None:
    client = serve().client()
    client.send(get("/a"), post(3), b"xyz", CHUNKED, b"2\r\nab\r\n0\r\n\r\n", get("/c"))
    said = [client.answer()[2] for _ in range(4)]
    assert said == [b"GET /a ", b"POST / xyz", b"POST / ab", b"GET /c "]


def test_a_request_may_come_byte_by_byte(serve: Serve) -> None:
    client = serve().client()
    for request in (post(3) + b"xyz", CHUNKED + b"1;ext=1\r\na\r\n2\r\nbc\r\n0\r\nX-End: x\r\n\r\n"):
        for byte in request:
            client.send(bytes([byte]))
        assert client.answer()[2] in (b"POST / xyz", b"POST / abc")


def test_the_connection_closes_when_the_client_wants_it(serve: Serve) -> None:
    client = serve().client()
    client.send(get("/", "Connection: close"))
    assert client.answer()[1]["connection"] == "close"
    assert client.rest() == b""


def test_who_has_sent_all_is_answered_all_the_same(serve: Serve) -> None:
    client = serve().client()
    client.send(get())
    client.sock.shutdown(1)
    assert client.answer()[0] == 200
    assert client.rest() == b""


def test_a_large_answer_arrives_whole(serve: Serve) -> None:
    large = bytes(range(256)) * (32 << 10)

    def app(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [("content-length", str(len(large)))])
        return [large]

    server = serve(app)
    client = server.client()
    for _ in range(2):
        client.send(get())
        assert client.answer()[2] == large
    until(lambda: all(one.is_idle for one in server.server._connections), "it is idle")
    (one,) = server.server._connections
    assert (one.request, one.body, one.out.obj, one.answer.data) == (None, None, b"", b"")  # it holds nothing large


def test_a_fault_of_the_application_is_told_in_our_form_and_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def app(environ: Any, start: Any) -> list[bytes]:
        raise RuntimeError("secret")

    status, _, body = serve(app).get()
    assert (status, b"InternalError" in body, b"secret" in body) == (500, True, False)
    assert [record.getMessage() for record in caplog.records] == ["the application failed"]


# Bodies


def test_a_large_body_is_asked_for_by_its_head(serve: Serve) -> None:
    asked: list[tuple[str, str]] = []

    def most(request: Any) -> int:
        asked.append((request.method, request.uri))
        return 1 << 20

    client = serve(most=most).client()
    client.send(post(100), b"x" * 100)
    assert len(client.answer()[2]) == 107 and asked == []
    client.send(post(1 << 20), b"x" * (1 << 20))
    assert len(client.answer()[2]) == (1 << 20) + 7
    client.send(CHUNKED, b"%x\r\n%s\r\n0\r\n\r\n" % (1 << 20, b"x" * (1 << 20)))
    assert len(client.answer()[2]) == (1 << 20) + 7
    assert asked == [("POST", "/")] * 2


def refuse(environ: dict[str, Any], start: Any) -> list[bytes]:
    """Refuses a request without its body."""
    start("413 Too Large", [("content-length", "2")])
    return [b"no"]


@pytest.mark.parametrize(
    "head", [post(1 << 20), CHUNKED + b"%x\r\n%s" % (1 << 20, b"x" * (module.SMALL_BODY + 1))], ids=["length", "chunks"]
)
def test_who_sends_a_body_that_is_not_wanted_hears_it_before_the_end(serve: Serve, head: bytes) -> None:
    client = serve(refuse, most=lambda request: 0).client()
    client.send(head)
    status, headers, _ = client.answer()
    assert (status, headers["connection"]) == (413, "close")
    client.send(b"x" * (1 << 19))
    assert client.rest() == b""


def test_a_body_that_is_announced_is_let_come_or_refused_at_once(serve: Serve) -> None:
    server = serve(most=lambda request: 10)
    client = server.client()
    client.send(post(10, "Expect: 100-continue"))
    assert client.line() + client.line() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"x" * 10)
    assert client.answer()[2] == b"POST / " + b"x" * 10
    client.send(post(11, "Expect: 100-continue"))
    assert client.answer()[1]["connection"] == "close"


def test_a_chunked_body_ends_at_its_limit(serve: Serve) -> None:
    limit = 2 * module.SMALL_BODY
    client = serve(refuse, most=lambda request: limit).client()
    client.send(CHUNKED)
    for _ in range(limit // 1024 + 1):
        client.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
    assert client.answer()[0] == 413


def test_too_many_bodies_at_a_time_are_told_to_come_again(serve: Serve) -> None:
    server = serve(capacity=Capacity(body_bytes=1 << 20))
    half, other = server.client(), server.client()
    half.send(post(1 << 20), b"x" * (1 << 19))
    until(lambda: sum(one.body.received for one in server.server._connections if one.body) == 1 << 19, "half is there")
    other.send(post(1 << 20), b"x" * ((1 << 20) - 1))
    status, headers, _ = other.answer()
    assert (status, headers["retry-after"]) == (503, "1")
    half.send(b"x" * (1 << 19))
    assert half.answer()[0] == 200


# Deadlines


@pytest.mark.parametrize("part", [b"GET / HTTP/1.1\r\nHost:", b"G"])
@pytest.mark.parametrize("before", [b"", get("/")], ids=["first", "kept"])
def test_a_head_that_is_not_whole_in_time_is_refused(serve: Serve, part: bytes, before: bytes) -> None:
    client = serve(deadlines=replace(PATIENT, head=SOON)).client()
    if before:
        client.send(before)
        assert client.answer()[0] == 200
    client.send(part)
    status, headers, body = client.answer()
    assert (status, headers["connection"], b'"error"' in body) == (408, "close", True)


def test_bytes_that_go_on_coming_do_not_put_off_a_head_s_deadline(serve: Serve) -> None:
    client = serve(deadlines=replace(PATIENT, head=SOON)).client()
    client.send(b"GET / HTTP/1.1\r\n")
    client.sock.settimeout(0.01)
    said = b""
    while not said:
        try:
            client.send(b"X: y\r\n")
            said = client.sock.recv(4096)
        except TimeoutError:
            pass
    assert said.startswith(b"HTTP/1.1 408 ")


def test_a_silent_connection_is_closed_without_a_word(serve: Serve) -> None:
    assert serve(deadlines=replace(PATIENT, head=SOON)).client().rest() == b""


def test_a_kept_connection_that_stays_idle_is_closed(serve: Serve) -> None:
    client = serve(deadlines=replace(PATIENT, keep_alive=SOON)).client()
    client.send(get())
    assert client.answer()[0] == 200
    assert client.rest() == b""


def test_a_body_below_the_least_rate_is_refused(serve: Serve) -> None:
    client = serve(deadlines=replace(PATIENT, body=SOON, rate=1e9)).client()
    client.send(post(100), b"x")
    assert client.answer()[0] == 408


def test_a_body_above_the_least_rate_may_take_as_long_as_it_needs(serve: Serve) -> None:
    client = serve(deadlines=replace(PATIENT, body=SOON, rate=100.0)).client()
    # Each piece is worth ten seconds, so no pause of this test is too long for the rate.
    client.send(post(3000), b"x" * 1000)
    client.sock.settimeout(4 * SOON)
    with pytest.raises(TimeoutError):
        client.sock.recv(1)
    client.sock.settimeout(60)
    client.send(b"x" * 2000)
    assert client.answer()[0] == 200


def test_an_answer_that_nobody_reads_is_given_up(serve: Serve) -> None:
    def app(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [("content-length", str(64 << 20))])
        return [bytes(64 << 20)]

    server = serve(app, deadlines=replace(PATIENT, body=SOON, rate=1e9))
    client = server.client()
    client.send(get())
    until(lambda: client.sock.recv(1, 2), "the answer begins")
    until(lambda: not server.server._connections, "it is given up")


# Too many


def test_nobody_is_closed_while_there_is_room(serve: Serve) -> None:
    server = serve(capacity=Capacity(connections=4))
    clients = [server.client() for _ in range(4)]
    for one in clients * 2:
        one.send(get())
        assert one.answer()[0] == 200


def test_one_too_many_takes_the_place_of_the_one_that_is_silent_for_longest(serve: Serve) -> None:
    server = serve(capacity=Capacity(connections=40))
    oldest, *others = [server.client() for _ in range(40)]
    for one in others[-5:]:
        one.send(get())
        assert one.answer()[0] == 200
    for _ in range(3):
        assert server.get()[0] == 200
    assert oldest.rest() == b""
    others[-1].send(get())
    assert others[-1].answer()[0] == 200


def test_a_server_that_is_full_of_work_accepts_again_when_some_of_it_is_done(serve: Serve) -> None:
    gate = Gate()
    server = serve(gate, capacity=Capacity(connections=4))
    busy = [server.client() for _ in range(4)]
    for one in busy:
        one.send(get("/gate"))
    until(lambda: len(gate.begun) == 4, "all are busy")
    late = [server.client() for _ in range(3)]
    until(lambda: len(server.server._connections) == 5, "one more is accepted, and has to wait for a thread")
    gate.opened.set()
    for one in late:
        one.send(get("/late"))
        assert one.answer()[2] == b"GET /late "


def test_answers_that_nobody_takes_are_bounded_together(serve: Serve) -> None:
    def app(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [("content-length", str(32 << 20))])
        return [bytes(32 << 20)]

    server = serve(app, capacity=Capacity(answer_bytes=80 << 20))
    clients = [server.client() for _ in range(5)]
    for one in clients:
        one.send(get())
        until(lambda one=one: one.sock.recv(1, 2), "the answer begins")
    until(lambda: server.server._answer_bytes <= 80 << 20, "the oldest are given up")


def test_own_paths_are_answered_while_all_threads_are_busy(serve: Serve) -> None:
    gate = Gate()
    server = serve(gate, capacity=Capacity(threads=2), own_threads=("/health",))
    busy = [server.client() for _ in range(3)]
    for one in busy:
        one.send(get("/gate"))
    until(lambda: gate.begun == ["/gate"] * 2, "all threads are busy")
    assert server.get("/health")[2] == b"GET /health "
    assert gate.begun == ["/gate", "/gate", "/health"]
    gate.opened.set()
    assert [one.answer()[0] for one in busy] == [200] * 3


# The end


def test_at_the_end_what_runs_is_answered_and_what_is_idle_closes(serve: Serve) -> None:
    gate, told = Gate(), threading.Event()
    server = serve(gate, stopping=told.set)
    idle, busy, half = (server.client() for _ in range(3))
    idle.send(get())
    assert idle.answer()[0] == 200
    busy.send(get("/gate"))
    half.send(post(4), b"ab")
    until(lambda: gate.begun == ["/", "/gate"], "it runs")
    server.server.stop(60)
    assert told.wait(60)
    assert idle.rest() == b""
    half.send(b"cd")
    assert half.answer()[2] == b"POST / abcd"
    gate.opened.set()
    assert busy.answer()[1]["connection"] == "close"


def test_the_end_does_not_wait_for_longer_than_its_grace(serve: Serve) -> None:
    gate = Gate()
    server = serve(gate)
    client = server.client()
    client.send(get("/gate"))
    until(lambda: gate.begun, "it runs")
    server.server.stop(0)
    assert client.rest() == b""
    gate.opened.set()
