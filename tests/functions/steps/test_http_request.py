import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from stepwell.functions.steps import http_request
from stepwell.functions.steps._data import InvalidData
from tests.functions.steps.events import EXECUTION, step_event


@dataclass
class Stub:
    """A web server on this machine. ``answers`` maps a path to the raw bytes of its answer."""

    url: str = ""
    answers: dict = field(default_factory=dict)
    seen: list = field(default_factory=list)

    def answer(self, path, body=b"", status=200, **headers):
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *lines, "", ""])
        self.answers[path] = head.encode() + body
        return self.url + path


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def stub():
    yield from serve()


@pytest.fixture
def other():
    yield from serve()


def serve():
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            stub.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.wfile.write(stub.answers[self.path])

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    server.shutdown()
    server.server_close()
    thread.join()


def call(**data):
    return http_request.handler(step_event(data, name="charge"), None)


def test_a_get_gives_status_headers_and_parsed_json(stub):
    url = stub.answer("/a?b=c", b'{"n": [1.5, "\xc3\xa9"]}', Content_Type="application/json", X_Tag="t")
    answer = call(url=url)
    assert (answer["status"], answer["body"], answer["isBase64Encoded"]) == (200, {"n": [1.5, "é"]}, False)
    assert answer["headers"] == {"content-length": "18", "content-type": "application/json", "x-tag": "t"}
    method, path, headers, body = stub.seen[0]
    assert (method, path, body) == ("GET", "/a?b=c", b"")
    assert headers["idempotency-key"] == f"{EXECUTION}/charge"


def test_without_a_key_none_is_sent(stub):
    http_request.handler({"data": {"url": stub.answer("/")}}, None)
    assert "idempotency-key" not in stub.seen[0][2]


def test_in_a_state_machine_the_key_is_in_the_context(stub):
    context = SimpleNamespace(client_context=SimpleNamespace(custom={"idempotencyKey": "e/visit"}))
    http_request.handler({"data": {"url": stub.answer("/")}}, context)
    http_request.handler({"data": {"url": stub.answer("/")}}, SimpleNamespace(client_context=None))
    http_request.handler(step_event({"url": stub.answer("/")}, name="charge"), context)
    seen = [headers.get("idempotency-key") for _, _, headers, _ in stub.seen]
    assert seen == ["e/visit", None, f"{EXECUTION}/charge"]


def test_json_goes_out_as_json_and_text_as_it_is(stub):
    url = stub.answer("/")
    call(url=url, method="POST", body={"name": "é"})
    call(url=url, method="PUT", body="a=ü", headers={"content-TYPE": "text/csv", "idempotency-key": "mine", "X-N": 5})
    call(url=url, method="PATCH", body="plain")
    (_, _, first, sent), (method, _, second, text), (_, _, third, _) = stub.seen
    assert (first["content-type"], json.loads(sent)) == ("application/json", {"name": "é"})
    assert (method, text, second["content-type"], second["x-n"]) == ("PUT", "a=ü".encode(), "text/csv", "5")
    assert second["idempotency-key"] == "mine"
    assert third["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("status", [400, 404, 503])
def test_a_status_that_was_not_expected_is_an_http_error_with_the_first_bytes(stub, status):
    url = stub.answer("/x?token=secret", b"because \xff" + b"z" * 5000, status=status)
    with pytest.raises(http_request.HttpError, match=f"GET {stub.url}/x answered {status}: because") as caught:
        call(url=url)
    assert len(str(caught.value)) < 600
    assert "secret" not in str(caught.value)


def test_expect_says_which_are_good(stub):
    assert call(url=stub.answer("/gone", status=404), expect=[200, 404])["status"] == 404
    with pytest.raises(http_request.HttpError, match="answered 200"):
        call(url=stub.answer("/ok"), expect=[201])


def test_a_body_is_text_where_it_can_be_and_else_base64(stub):
    def body(raw, kind):
        answer = call(url=stub.answer("/", raw, Content_Type=kind))
        return answer["body"], answer["isBase64Encoded"]

    assert body("é".encode("latin-1"), "text/plain; charset=latin-1") == ("é", False)
    assert body(b"a", "text/plain; charset=nonsense") == ("YQ==", True)
    assert body(b"\xff\xd8", "image/jpeg") == ("/9g=", True)
    assert body(b"a\0b", "text/plain") == ("YQBi", True)
    assert body(b"", "application/json") == (None, False)
    assert body(b'{"a": 1}', "application/problem+json") == ({"a": 1}, False)


@pytest.mark.parametrize("raw", [b"{", b"NaN", b"\xff", b"[" * 100_000])
def test_json_that_is_none_is_said(stub, raw):
    with pytest.raises(http_request.AnswerNotJson):
        call(url=stub.answer("/", raw, Content_Type="application/json"))


def test_the_size_of_an_answer_is_bounded(stub):
    limit = http_request.LONGEST_ANSWER
    assert len(call(url=stub.answer("/fits", b"x" * limit))["body"]) == limit
    with pytest.raises(http_request.AnswerTooLarge):
        call(url=stub.answer("/more", b"x" * (limit + 1)))


def test_head_has_headers_and_no_body(stub):
    stub.answers["/"] = b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n"
    answer = call(url=stub.url + "/", method="HEAD")
    assert (answer["headers"]["content-length"], answer["body"]) == ("99", None)


def test_a_chunked_answer_is_put_together(stub):
    stub.answers["/"] = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert call(url=stub.url + "/")["body"] == "abc"


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_half_an_answer_is_none(stub, wire):
    stub.answers["/"] = wire
    with pytest.raises(http_request.Unreachable):
        call(url=stub.url + "/")


def test_nobody_there_is_unreachable():
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        with pytest.raises(http_request.Unreachable, match="refused"):
            call(url=f"http://127.0.0.1:{unheard.getsockname()[1]}/")


def test_a_silent_server_is_unreachable_when_the_time_is_over():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(http_request.Unreachable, match="timed out"):
            call(url=f"http://127.0.0.1:{silent.getsockname()[1]}/", timeoutSeconds=0.05)


def test_an_answer_that_drips_ends_at_the_deadline(stub, monkeypatch):
    times = iter([0.0, 5.0, 11.0])
    monkeypatch.setattr(http_request.time, "monotonic", lambda: next(times, 99.0))
    monkeypatch.setattr(http_request, "CHUNK", 1)
    with pytest.raises(http_request.Unreachable, match="did not end in time"):
        call(url=stub.answer("/", b"drip"), timeoutSeconds=10)


def test_a_get_follows_a_redirect_and_takes_credentials_only_to_the_same_origin(stub, other):
    away = other.answer("/there", b"here")
    stub.answer("/away", status=302, Location=away)
    stub.answer("/home", status=307, Location="/end")
    stub.answer("/end", b"end")
    headers = {"authorization": "Bearer x", "cookie": "c=1", "x-kept": "k"}
    assert call(url=stub.url + "/away", headers=headers)["body"] == "here"
    assert call(url=stub.url + "/home", headers=headers)["body"] == "end"
    assert {"authorization", "cookie"} & set(other.seen[0][2]) == set()
    assert other.seen[0][2]["x-kept"] == "k"
    assert stub.seen[-1][2]["authorization"] == "Bearer x"


def test_a_post_is_not_redirected(stub):
    url = stub.answer("/", status=303, Location="/elsewhere")
    answer = call(url=url, method="POST", body="x")
    assert (answer["status"], answer["headers"]["location"], len(stub.seen)) == (303, "/elsewhere", 1)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "/loop"])
def test_a_redirect_to_another_scheme_or_in_a_circle_is_refused(stub, location):
    with pytest.raises(http_request.RedirectRefused):
        call(url=stub.answer("/loop", status=302, Location=location))


def test_a_redirect_from_https_to_http_is_not_followed():
    request = http_request.Request("https://a.example/")
    assert http_request._Redirects().redirect_request(request, None, 302, "", {}, "http://a.example/") is None


@pytest.mark.parametrize(
    "url",
    [
        None,
        5,
        "",
        "/x",
        "file:///etc/passwd",
        "ftp://a/b",
        "http://",
        "http://a b/",
        "http://a/\r\nx: y",
        "http://é.example/",
        "http://user:pw@a/",
        "http://a:99999/",
        "http://a:x/",
        "http://a..b/",
        "http://[::1/",
    ],
)
def test_a_bad_url_is_named(url):
    with pytest.raises(InvalidData, match=r"data\.url must be an http or https address"):
        call(url=url)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"method": "get"}, "data.method must be one of"),
        ({"method": "TRACE"}, "data.method must be one of"),
        ({"metod": "GET"}, "data.metod must be absent"),
        ({"headers": []}, "data.headers must be an object"),
        ({"headers": {"a b": "c"}}, "data.headers must be"),
        ({"headers": {"": "c"}}, "data.headers must be"),
        ({"headers": {"a": "b\r\nc: d"}}, "data.headers.a must be one line"),
        ({"headers": {"a": None}}, "data.headers.a must be one line"),
        ({"timeoutSeconds": 0}, "data.timeoutSeconds must be a number"),
        ({"timeoutSeconds": "5"}, "data.timeoutSeconds must be a number"),
        ({"expect": []}, "data.expect must be a list"),
        ({"expect": 200}, "data.expect must be a list"),
        ({"expect": ["200"]}, "data.expect must be a whole number"),
    ],
)
def test_bad_data_is_named_and_nothing_is_sent(stub, data, named):
    with pytest.raises(InvalidData) as caught:
        call(url=stub.answer("/"), **data)
    assert str(caught.value).startswith(named)
    assert stub.seen == []
