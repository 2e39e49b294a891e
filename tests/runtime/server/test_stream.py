from __future__ import annotations

import threading
from typing import Any

from stepwell.runtime.server.stream import MOST_UNSENT, LiveStream
from tests.runtime.server.conftest import Serve, get
from tests.services import until

STREAMS = 500


class Live:
    """An application whose every answer is a live stream."""

    def __init__(self) -> None:
        self.streams: list[LiveStream] = []
        self.closed: list[LiveStream] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> LiveStream:
        start("200 OK", [("content-type", "text/event-stream")])
        stream = LiveStream(lambda: self.closed.append(stream))
        stream.send(b"hello\n")
        self.streams.append(stream)
        return stream


def chunk(text: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(text), text)


def test_500_streams_hold_no_thread_and_all_get_what_is_sent(serve: Serve) -> None:
    app = Live()
    server = serve(app)
    clients = [server.client() for _ in range(STREAMS)]
    for one in clients:
        one.send(get())
        assert one.answer()[1]["transfer-encoding"] == "chunked"
    threads = threading.active_count()
    for stream in app.streams:
        stream.send(b"news\n")
        stream.end()
    said = {one.rest() for one in clients}
    assert said == {chunk(b"hello\n") + chunk(b"news\n") + b"0\r\n\r\n"}
    assert threading.active_count() <= threads < 50


def test_a_client_of_http_1_0_gets_the_bytes_as_they_are(serve: Serve) -> None:
    app = Live()
    client = serve(app).client()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.answer()[0] == 200
    app.streams[0].end()
    assert client.rest() == b"hello\n"


def test_who_feeds_a_stream_hears_that_its_client_has_gone(serve: Serve) -> None:
    app = Live()
    client = serve(app).client()
    client.send(get())
    assert client.answer()[0] == 200
    client.close()
    until(lambda: app.closed == app.streams, "it is closed")
    app.streams[0].send(b"too late")
    assert app.streams[0].is_closed


def test_a_client_that_falls_behind_is_disconnected(serve: Serve) -> None:
    app = Live()
    client = serve(app).client()
    client.send(get())
    assert client.answer()[0] == 200

    def has_closed() -> bool:
        app.streams[0].send(b"x" * (MOST_UNSENT // 2))
        return bool(app.closed)

    until(has_closed, "it is closed")


def test_streams_close_when_the_server_ends(serve: Serve) -> None:
    app = Live()
    server = serve(app)
    client = server.client()
    client.send(get())
    assert client.answer()[0] == 200
    server.server.stop(60)
    client.rest()
    until(lambda: app.closed == app.streams, "it is closed")


def test_any_other_server_can_iterate_over_a_stream() -> None:
    stream = LiveStream()
    for piece in (b"a", b"b"):
        stream.send(piece)
    stream.end()
    stream.send(b"dropped")
    assert list(stream) == [b"a", b"b"]
    stream.close()
    assert list(stream) == []
