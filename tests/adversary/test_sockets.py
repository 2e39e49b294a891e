"""Raw requests, as no client library sends them, to both servers: gunicorn with our configuration, and the emulator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.adversary.servers import EMULATOR, GUNICORN, Server, counts, serving
from tests.adversary.web import faults_of_error

Statuses = tuple[int, ...]

HOST = b"Host: localhost\r\n"
POST = b"POST /workflows HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
MIB_10 = 10 << 20
REFUSED: Statuses = (400, 404, 405, 413, 414, 421, 431)
EITHER: Statuses = (200, *REFUSED)


def get(target: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: localhost", *headers, b"", b""])


def chunked(body: bytes) -> bytes:
    return CHUNKED + b"\r\n" + body


def of_length(length: bytes, body: bytes = b"{}") -> bytes:
    return POST + b"Content-Length: " + length + b"\r\n\r\n" + body


BODIES: Mapping[str, tuple[bytes, Statuses]] = {
    "a chunk that is cut short": (chunked(b"5\r\nab"), (400,)),
    "chunks without an end": (chunked(b"2\r\n{}\r\n"), (400,)),
    "a chunk whose size is no number": (chunked(b"xyz\r\n{}\r\n0\r\n\r\n"), (400,)),
    "a chunk below zero": (chunked(b"-2\r\n{}\r\n0\r\n\r\n"), (400,)),
    "a chunk of 2^64 bytes": (chunked(b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n"), (400, 413)),
    "a chunk longer than it says": (chunked(b"1\r\n{}\r\n0\r\n\r\n"), (400,)),
    "a chunk's long extension": (chunked(b"2;" + b"a" * 5_000 + b"\r\n{}\r\n0\r\n\r\n"), (400,)),
    "10 MB in chunks": (chunked((b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 160 + b"0\r\n\r\n"), (413,)),
    "chunks and a length": (CHUNKED + b"Content-Length: 3\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (400,)),
    "two codings": (CHUNKED + b"Transfer-Encoding: identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (400,)),
    "a coding that nobody knows": (POST + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}", (400, 501)),
    "a body cut short": (of_length(b"50"), (400,)),
    "a body longer than it says": (of_length(b"1"), (400,)),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", (400,)),
    "a length with a sign": (of_length(b"+2"), (400,)),
    "a length below zero": (of_length(b"-2"), (400,)),
    "a length in hexadecimal": (of_length(b"0x2"), (400,)),
    "a list of lengths": (of_length(b"2, 2"), (400,)),
    "a length of 30 digits": (of_length(b"9" * 30), (400,)),
    "10 MB": (of_length(b"%d" % MIB_10, b"x" * MIB_10), (413,)),
    "10 MB to nowhere": (
        get(b"/nowhere", b"Content-Length: %d" % MIB_10, method=b"POST") + b"x" * MIB_10,
        (404,),
    ),
    "10 MB, announced": (POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % MIB_10, (413,)),
    "no body where one is needed": (POST + b"\r\n", (400,)),
    "headers with underscores": (POST.replace(b"-", b"_") + b"Content_Length: 2\r\n\r\n{}", (400,)),
}
HEADS: Mapping[str, tuple[bytes, Statuses]] = {
    "a header on two lines": (get(b"/health", b"X: a\r\n b"), EITHER),
    "a header's name with a space": (get(b"/health", b"X Y: a"), EITHER),
    "a space before the colon": (get(b"/health", b"X : a"), EITHER),
    "no colon": (get(b"/health", b"XY"), EITHER),
    "NUL in a header": (get(b"/health", b"X: a\x00b"), EITHER),
    "a lone CR in a header": (get(b"/health", b"X: a\rb"), EITHER),
    "two hosts": (get(b"/health", b"Host: other"), EITHER),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", EITHER),
    "lines without CR": (b"GET /health HTTP/1.1\nHost: localhost\n\n", EITHER),
    "a target of 8,100 characters": (get(b"/" + b"a" * 8_100), (400,)),
    "an asterisk": (get(b"*", method=b"OPTIONS"), (400,)),
    "a tunnel": (get(b"evil.example:443", method=b"CONNECT"), (400,)),
    "somebody else's URL": (get(b"http://evil.example/health"), (200, 421)),
    "a fragment": (get(b"/health#x"), (404,)),
    "raw bytes": (get(b"/\xff\xfe\x01"), (400, 404)),
    "a method in small letters": (get(b"/workflows", method=b"delete"), (400, 405)),
    "a method that nobody knows": (get(b"/workflows", method=b"BREW"), (405,)),
    "a method that is none": (get(b"/workflows", method=b"G(T"), (400, 405)),
    "two keys": (get(b"/workflows/none/execute", b"Idempotency-Key: c", b"Idempotency-Key: d", method=b"POST"), (404,)),
}
LINES: Mapping[str, tuple[bytes, Statuses]] = {
    "no request line": (b"NONSENSE\r\n\r\n", (400,)),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "HTTP/9.9": (b"GET /health HTTP/9.9\r\n\r\n", (400, 505)),
    "no version": (b"GET /health HTTP/x\r\n\r\n", (400,)),
    "a space in the target": (get(b"/a b"), (400,)),
    "a proxy's greeting": (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + get(b"/health"), (400,)),
    "200 headers": (get(b"/health", *[b"X-%d: a" % n for n in range(200)]), (431,)),
    "100,000 characters of a header": (get(b"/health", b"X: " + b"a" * 100_000), (431,)),
    "100,000 characters of a target": (get(b"/" + b"a" * 100_000), (414,)),
}
INCOMPLETE: Mapping[str, bytes] = {"nothing": b"", "half a request": b"GET /hea", "TLS": b"\x16\x03\x01\x00\xc8" * 40}


@pytest.fixture(scope="module", params=["gunicorn", "emulator"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    command = {"gunicorn": GUNICORN, "emulator": EMULATOR}[request.param]
    with serving(request.param, command, tmp_path_factory.mktemp(request.param)) as one:
        yield one


def last_answer(said: bytes) -> tuple[int, str, bytes]:
    """Status, media type and body of the server's only answer. An interim 100 Continue does not count."""
    answers = said.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    assert answers.count(b"HTTP/1.1 ") == 1, f"not answered once: {answers[:2000]!r}"
    head, _, body = answers.partition(b"\r\n\r\n")
    media_type = re.search(rb"^content-type: ([^\r]*)", head, re.IGNORECASE | re.MULTILINE)
    return int(head.split()[1]), media_type[1].decode() if media_type else "", body


def holds(server: Server, sent: bytes, expected: Statuses) -> None:
    """Fails unless the server answers once, as expected, in our form, stores nothing, logs no traceback, stays up."""
    before = counts(server.log.parent)
    status, media_type, body = last_answer(server.say(sent))
    assert status in expected, body[:300]
    if status >= 400:
        assert media_type == "application/json", body[:300]
        assert not list(faults_of_error(json.loads(body)))
    assert counts(server.log.parent) == before
    assert "Traceback" not in server.log.read_text(errors="replace")
    assert server.is_up()


@pytest.mark.parametrize("name", [*BODIES, *HEADS])
def test_a_bad_request_is_refused(server: Server, name: str) -> None:
    holds(server, *(BODIES | HEADS)[name])


@pytest.mark.parametrize("name", LINES)
def test_what_no_handler_ever_sees_is_refused_in_our_form(server: Server, name: str) -> None:
    holds(server, *LINES[name])


@pytest.mark.parametrize("name", INCOMPLETE)
def test_who_says_nothing_to_the_point_harms_nobody(server: Server, name: str) -> None:
    said = server.say(INCOMPLETE[name])
    assert b"HTTP/1.1 5" not in said
    assert "Traceback" not in server.log.read_text(errors="replace")
    assert server.is_up()


def test_a_request_inside_a_refused_body_is_no_request(server: Server) -> None:
    hidden = get(b"/functions")
    for framed in (of_length(b"9999999", hidden), chunked(b"zz\r\n" + hidden), of_length(b"0x10", hidden)):
        assert b'"items"' not in server.say(framed)


@pytest.mark.parametrize(("path", "status"), [("/workflows", 413), ("/nowhere", 404)])
def test_a_client_that_sends_10_mb_hears_why_not(server: Server, path: str, status: int) -> None:
    """The server reads a refused body to its end: client libraries fail if the connection breaks while they send."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as client:
        client.request("POST", path, b"x" * MIB_10, {"Content-Type": "application/json"})
        with client.getresponse() as answer:
            assert (answer.status, *faults_of_error(json.loads(answer.read()))) == (status,)


def test_two_keys_are_one_key_of_both(server: Server) -> None:
    """API Gateway joins repeated headers. So the same two keys are one request; either key alone is another."""

    def begun(*keys: bytes) -> str:
        headers = [b"Idempotency-Key: " + key for key in keys]
        status, _, body = last_answer(server.say(get(b"/workflows/invoice_pdf/execute", *headers, method=b"POST")))
        assert status == 201, body
        return str(json.loads(body)["executionId"])

    both, again, one = begun(b"a", b"b"), begun(b"a", b"b"), begun(b"a")
    assert both == again != one
    for execution in (both, one):  # the other tests of this server count its rows: nothing may go on
        server.say(get(b"/executions/%s/cancel" % execution.encode(), method=b"POST"))


def test_nothing_sent_is_written_into_a_header_of_the_answer(server: Server) -> None:
    targets = (b"/workflows/%0d%0aX-Injected:%20yes", b"/artifacts/a%0d%0aX-Injected:%20yes", b"/%0d%0aX-Injected:yes")
    for target in targets:
        for method in (b"GET", b"DELETE"):
            said = server.say(get(target, b"X-Request-Id: X-Injected", method=method))
            assert b"x-injected" not in said.partition(b"\r\n\r\n")[0].lower()
