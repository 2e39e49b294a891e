from __future__ import annotations

import json
import socket
import threading
from contextlib import closing

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from stepwell.runtime.app import create_app
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.settings import Settings
from tests.functions.api.fakes import EXECUTION, WORKFLOW, FakeApi, FakeContext


class FakeRuntime:
    """A runtime whose context answers without a database."""

    def __init__(self, **apis):
        self.catalog = Catalog.load()
        self.invoker = None
        self.waiting = WaitingLimit(4)
        self.apis = apis

    def api_context(self, request_id):
        return FakeContext(**self.apis)

    def close(self):
        raise AssertionError("a runtime that was given is not the application's to close")


@pytest.fixture
def runtime():
    return FakeRuntime(workflows=FakeApi(create=WORKFLOW, get=WORKFLOW), executions=FakeApi(start=EXECUTION))


@pytest.fixture
def app(runtime):
    return create_app(Settings(), runtime)


@pytest.fixture
def client(app):
    return app.test_client()


def test_a_request_goes_through(client, runtime):
    answer = client.post("/workflows/r%C3%A9sum%C3%A9/execute?x=1", json={"input": 1}, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json["executionId"]) == (201, "e1")
    assert answer.headers["Location"] == "/executions/e1"
    assert runtime.apis["executions"].calls[0][1:] == (("résumé", 1), {"name": None, "idempotency_key": "k"})


def test_bytes_and_media_type_arrive_as_they_were_given():
    client = create_app(
        Settings(), FakeRuntime(artifacts=FakeApi(read=(b"%PDF\x00\xff", "application/pdf")))
    ).test_client()
    answer = client.get("/artifacts/a/b.pdf")
    assert (answer.data, answer.headers["Content-Type"]) == (b"%PDF\x00\xff", "application/pdf")
    assert answer.headers["Content-Length"] == "6"


def test_no_body_has_no_content_type():
    answer = create_app(Settings(), FakeRuntime(workflows=FakeApi(delete=None))).test_client().delete("/workflows/a")
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers


def test_head_tells_the_length(client):
    answer = client.head("/health")
    assert (answer.data, answer.headers["Content-Length"]) == (b"", str(len(client.get("/health").data)))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/static/app.css", 404),
        ("GET", "//workflows//a", 404),
        ("GET", "/workflows/", 404),
        ("BREW", "/workflows", 405),
        ("OPTIONS", "/workflows", 405),
        ("TRACE", "/nowhere", 404),
        ("GET", "/workflows/%FF", 400),
        ("GET", "/workflows/%00", 400),
        ("GET", "/workflows/..%2f..%2fetc", 400),
    ],
)
def test_every_error_is_json(client, method, path, status):
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json["error"]) >= {"code", "message"}


def test_an_encoded_slash_is_part_of_a_name(client, runtime):
    assert client.get("/workflows/a%2Fb").status_code == 200
    assert runtime.apis["workflows"].calls == [("get", ("a/b",), {})]


def test_a_server_that_keeps_no_raw_path_will_do(client, runtime):
    answer = client.get("/workflows/résumé?form=bpmn", environ_overrides={"RAW_URI": ""})
    assert answer.status_code == 400
    assert client.get("/workflows/résumé", environ_overrides={"RAW_URI": ""}).status_code == 200
    assert runtime.apis["workflows"].calls == [("get", ("résumé",), {})]


def test_the_runtime_is_at_hand(app, runtime):
    assert app.extensions["stepwell"] is runtime


# Over a real socket: bytes that no client library would send


class Silent(WSGIRequestHandler):
    def log(self, type, message, *args):
        pass


@pytest.fixture
def server(app):
    made = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made.server_address[:2]
    made.shutdown()
    thread.join()
    made.server_close()


def exchange(address, raw):
    """Send raw bytes and close the sending side. Returns the status and the JSON of the answer."""
    with closing(socket.create_connection(address, timeout=30)) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


POST = b"POST /workflows HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"name": "a", "definition": {}}'


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY), 201),
        (b"Transfer-Encoding: chunked\r\n\r\n" + chunk(BODY[:9]) + chunk(BODY[9:]) + b"0\r\n\r\n", 201),
        (b"Transfer-Encoding: chunked\r\n\r\n" + chunk(BODY[:9]), 400),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"40\r\n" + BODY[:9], 400),
        (b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400),
        (b"Content-Length: 100\r\n\r\n" + BODY, 400),
        (b"Content-Length: ten\r\n\r\n" + BODY, 400),
        (b"Content-Length: %d\r\n\r\n" % (1 << 40), 413),
    ],
)
def test_a_body_that_is_not_what_it_says(server, runtime, rest, status):
    answered, body = exchange(server, POST + rest)
    assert answered == status
    assert ("error" in body) == (status >= 400)
    assert len(runtime.apis["workflows"].calls) == (1 if status == 201 else 0)
