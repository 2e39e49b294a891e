from __future__ import annotations

import pytest

from stepwell.functions.errors import MethodNotAllowed
from stepwell.runtime.http.response import MalformedResponse, Response, error_response, response_of

JSON = (("content-type", "application/json"),)
TEXT = (("content-type", "text/plain;charset=UTF-8"),)


@pytest.mark.parametrize(
    ("result", "response"),
    [
        ({"a": "é"}, Response(200, JSON, '{"a":"é"}'.encode())),
        ([1], Response(200, JSON, b"[1]")),
        (None, Response(200, JSON, b"null")),
        (7, Response(200, JSON, b"7")),
        ("as it is", Response(200, JSON, b"as it is")),
        ({"statusCode": 200}, Response(200, TEXT, b"")),
        ({"statusCode": 404, "body": None}, Response(404, TEXT, b"")),
        ({"statusCode": 201, "body": "x", "headers": None}, Response(201, TEXT, b"x")),
        ({"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}, Response(200, TEXT, b"\x00\xff")),
        ({"statusCode": 200, "body": "AP8=", "isBase64Encoded": False}, Response(200, TEXT, b"AP8=")),
        ({"statusCode": 204, "body": "dropped"}, Response(204, (), b"")),
        (
            {"statusCode": 200, "headers": {"Content-Type": "text/csv", "X-N": 1, "X-B": True}, "body": "a"},
            Response(200, (("content-type", "text/csv"), ("x-n", "1"), ("x-b", "true")), b"a"),
        ),
        (
            {"statusCode": 204, "cookies": ["a=b; HttpOnly", "c=d"]},
            Response(204, (("set-cookie", "a=b; HttpOnly"), ("set-cookie", "c=d")), b""),
        ),
    ],
)
def test_what_a_result_stands_for(result, response):
    assert response_of(result) == response


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "200"},
        {"statusCode": None},
        {"statusCode": True},
        {"statusCode": 200.0},
        {"statusCode": 100},
        {"statusCode": 600},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": 7},
        {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True},
        {"statusCode": 200, "body": "é", "isBase64Encoded": True},
        {"statusCode": 200, "body": "\ud800"},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"x": ["a"]}},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b=c"}},
        {"statusCode": 200, "headers": {"x: y": "a"}},
        {"statusCode": 200, "headers": {"": "a"}},
        {"statusCode": 200, "headers": {"x": "☃"}},
        {"statusCode": 200, "cookies": "a=b"},
        {"statusCode": 200, "cookies": [None]},
        {"a": float("nan")},
        {"a": object()},
    ],
)
def test_what_is_no_response_is_refused(result):
    with pytest.raises(MalformedResponse):
        response_of(result)


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Connection"])
def test_a_handler_does_not_frame_the_message(name):
    assert response_of({"statusCode": 204, "headers": {name: "7"}}).headers == ()


def test_head_is_told_the_length_of_what_get_would_send():
    head = Response(200, JSON, b"[1]").without_body()
    assert (head.body, head.header("content-length"), head.header("content-type")) == (b"", "3", "application/json")


def test_an_error_has_its_headers_and_the_one_form():
    response = error_response(MethodNotAllowed(("GET",)))
    assert (response.status, response.header("allow")) == (405, "GET")
    assert response.body == b'{"error":{"code":"MethodNotAllowed","message":"This path answers to GET."}}'
