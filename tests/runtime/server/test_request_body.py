from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request

from stepwell.runtime.server.request_body import PIECE, ArrivingBody, Chunks, Received, body_of

WHOLE = b"5;a=b\r\nhello\r\n1 \r\n!\r\n0\r\nX: y\r\n\r\n"


@pytest.mark.parametrize("step", [1, 2, 3, 7, len(WHOLE) + 4])
def test_the_end_of_chunks_is_found_however_they_come(step: int) -> None:
    chunks, buffer, taken = Chunks(), bytearray(), 0
    for at in range(0, len(WHOLE) + 4, step):
        buffer += (WHOLE + b"GET ")[at : at + step]
        size = chunks.take(buffer)
        taken += size
        del buffer[:size]
    assert (chunks.have_ended, chunks.are_malformed, chunks.content) == (True, False, 6)
    assert (taken, bytes(buffer)) == (len(WHOLE), b"GET ")


@pytest.mark.parametrize(
    "text", [b"x\r\n", b"-2\r\n", b"\r\n", b"2\nab", b"0x2\r\n", b"1" * 17 + b"\r\n", b"2" * 9000, b"2;" + b"a" * 9000]
)
def test_chunks_that_are_none_are_malformed(text: bytes) -> None:
    chunks = Chunks()
    chunks.take(bytearray(text))
    assert chunks.are_malformed and not chunks.have_ended


def test_a_body_takes_what_is_its_own_and_gives_it_back() -> None:
    body, buffer = ArrivingBody(5), bytearray(b"abc")
    body.take(buffer)
    assert (body.is_whole, buffer) == (False, b"")
    buffer += b"deGET"
    body.take(buffer)
    assert (body.is_whole, buffer) == (True, b"GET")
    body.rewind()
    assert body.read(100) == b"abcde"
    body.close()


def test_a_long_body_is_kept_in_a_file() -> None:
    body = ArrivingBody(1 << 20)
    for _ in range(16):
        body.take(bytearray(1 << 16))
    assert body.is_whole and body._kept._rolled  # type: ignore[attr-defined]
    body.close()


def test_a_body_of_tiny_chunks_exceeds_a_limit_by_its_framing() -> None:
    body = ArrivingBody(None)
    body.take(bytearray(b"1\r\nx\r\n" * 250_000))
    assert not body.exceeds(250_000) and body.exceeds(200_000)
    body.close()


def test_the_parser_holds_no_more_of_a_body_than_a_piece() -> None:
    """It copies what it holds with each read: of 70 MB at once, a thousand reads would copy 70 GB."""
    size = 16 * PIECE
    source = Received(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size)
    request = Request(Config(), source, ("127.0.0.1", 1), 1)
    body = source.body = body_of(request)
    assert body is not None
    body.take(bytearray(size))
    body.rewind()
    read = 0
    while part := request.body.read(PIECE):
        read += len(part)
        assert len(source.buf.getvalue()) <= PIECE
    assert read == size
    body.close()
