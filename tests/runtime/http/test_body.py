from __future__ import annotations

import io

import pytest

from stepwell.functions.errors import InvalidJson, InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from stepwell.runtime.http.body import json_of, read_body
from stepwell.runtime.http.request import Request


class Dribble(io.BytesIO):
    """A stream that returns three bytes at a time, as a socket may, and counts the bytes it has returned."""

    taken = 0

    def read(self, size=-1):
        part = super().read(min(size, 3))
        self.taken += len(part)
        return part


class Broken:
    def read(self, size):
        raise OSError("chunk without an end")


def request(stream, **headers):
    return Request("POST", "/", {name.replace("_", "-"): value for name, value in headers.items()}, stream)


def test_reads_a_body_of_told_length_and_no_byte_more():
    stream = Dribble(b"0123456789 and the next request")
    assert read_body(request(stream, content_length="10"), 10) == b"0123456789"
    assert stream.taken == 10


def test_reads_a_chunked_body_to_its_end():
    assert read_body(request(Dribble(b"0123456789"), transfer_encoding="chunked"), 10) == b"0123456789"


def test_no_body_is_empty():
    assert read_body(request(Dribble()), 10) == b""


def test_a_told_length_above_the_limit_is_refused_before_anything_is_read():
    stream = Dribble(b"x" * 11)
    with pytest.raises(PayloadTooLarge, match="larger than 10 bytes"):
        read_body(request(stream, content_length="11"), 10)
    assert stream.taken == 0


def test_a_chunked_body_is_read_no_further_than_the_limit():
    stream = Dribble(b"x" * 1000)
    with pytest.raises(PayloadTooLarge):
        read_body(request(stream, transfer_encoding="chunked", content_length="3"), 10)
    assert stream.taken == 11


@pytest.mark.parametrize("length", ["-1", "ten", "1.0", "+5", "٣", "1" * 30])
def test_a_length_that_is_no_number_is_refused(length):
    with pytest.raises(InvalidRequest, match="not a number"):
        read_body(request(Dribble(b"abc"), content_length=length), 10)


def test_a_body_that_ends_early_is_refused():
    with pytest.raises(InvalidRequest, match="ended before"):
        read_body(request(Dribble(b"abc"), content_length="5"), 10)


def test_a_body_that_breaks_off_is_the_callers_fault():
    with pytest.raises(InvalidRequest, match="broke off"):
        read_body(request(Broken(), transfer_encoding="chunked"), 10)


def json_body(body, media_type="application/json"):
    return json_of(request(Dribble(), **({"content_type": media_type} if media_type else {})), body, 64)


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_reads_json(media_type):
    assert json_body(b'{"a": [1, null]}', media_type) == {"a": [1, None]}


def test_no_body_needs_no_content_type():
    assert json_body(b"", None) is None
    assert json_body(b"", "text/plain") is None


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_another_content_type_is_refused(media_type):
    with pytest.raises(UnsupportedMediaType):
        json_body(b"{}", media_type)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", "line 1, column 2"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'"\\ud800"', "surrogate"),
        (b'"\\u0000"', "NUL"),
        (b"[" * 100_000, "deeper than 64"),
        (b"1e999", "too large"),
        (b" ", "Expecting value"),
    ],
)
def test_what_is_no_json_is_refused_with_the_reason(body, fault):
    with pytest.raises(InvalidJson, match=fault):
        json_body(body)
