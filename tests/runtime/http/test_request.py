from __future__ import annotations

import base64
import io
from datetime import UTC, datetime

import pytest

from stepwell.functions.errors import InvalidRequest
from stepwell.runtime.http.request import Request, event_of, is_dated, joined, locate
from stepwell.runtime.http.routes import Match, parse_route

AT = datetime(2026, 11, 24, 3, 0, 0, 250_000, tzinfo=UTC)
REQUEST_ID = "5f0d3cd2-31b1-4f3e-8f6f-52f0f0b1c111"


def event(target="/orders/7", method="GET", headers=None, body=b"", key="GET /orders/{id}", parameters=None, **more):
    request = Request(method, target, joined(headers or [("Host", "api.local:3000")]), io.BytesIO(body), **more)
    match = Match(parse_route(key), {"id": "7"} if parameters is None else parameters)
    return event_of(request, locate(target), match, body, request_id=REQUEST_ID, at=AT)


def test_a_bare_request_whole():
    assert event("/orders/7", source_ip="10.1.2.3") == {
        "version": "2.0",
        "routeKey": "GET /orders/{id}",
        "rawPath": "/orders/7",
        "rawQueryString": "",
        "headers": {
            "host": "api.local:3000",
            "x-amzn-trace-id": "Root=1-6a13c5b0-5f0d3cd231b14f3e8f6f52f0".replace(
                "6a13c5b0", f"{int(AT.timestamp()):08x}"
            ),
            "x-forwarded-for": "10.1.2.3",
            "x-forwarded-port": "3000",
            "x-forwarded-proto": "http",
        },
        "pathParameters": {"id": "7"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "api.local",
            "domainPrefix": "api",
            "http": {
                "method": "GET",
                "path": "/orders/7",
                "protocol": "HTTP/1.1",
                "sourceIp": "10.1.2.3",
                "userAgent": "",
            },
            "requestId": REQUEST_ID,
            "routeKey": "GET /orders/{id}",
            "stage": "$default",
            "time": "24/Nov/2026:03:00:00 +0000",
            "timeEpoch": 1795489200250,
        },
        "isBase64Encoded": False,
    }


def test_an_address_in_brackets_is_a_domain_too():
    made = event(headers=[("Host", "[::1]:3000")])
    assert (made["requestContext"]["domainName"], made["headers"]["x-forwarded-port"]) == ("::1", "3000")
    assert event(headers=[("Host", "[::1]")])["headers"]["x-forwarded-port"] == "80"


def test_what_is_empty_is_absent():
    made = event("/", key="GET /", parameters={})
    assert not {"cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"} & set(made)
    assert "authorizer" not in made["requestContext"]


def test_header_names_are_lower_case_and_repeated_ones_joined():
    headers = event(headers=[("X-Tag", "a"), ("x-tag", "b"), ("ACCEPT", "*/*")])["headers"]
    assert (headers["x-tag"], headers["accept"]) == ("a,b", "*/*")


def test_cookies_leave_the_headers():
    made = event(headers=[("Cookie", "k=v; k2=v2;"), ("Host", "h")])
    assert made["cookies"] == ["k=v", "k2=v2"]
    assert "cookie" not in made["headers"]


def test_repeated_query_names_are_joined_and_decoded_and_the_raw_query_is_not():
    made = event("/orders/7?a=1&a=2&b=%C3%A9+x&c=")
    assert made["rawQueryString"] == "a=1&a=2&b=%C3%A9+x&c="
    assert made["queryStringParameters"] == {"a": "1,2", "b": "é x", "c": ""}


def test_the_raw_path_is_decoded():
    assert event("/orders/a%20b")["rawPath"] == "/orders/a b"


def test_a_header_of_a_proxy_is_kept():
    assert event(headers=[("X-Forwarded-Proto", "https")])["headers"]["x-forwarded-proto"] == "https"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "text/html; charset=utf-8",
        "application/json",
        "APPLICATION/JSON",
        "application/xml",
        "application/javascript",
    ],
)
def test_text_bodies_are_text(media_type):
    made = event(headers=[("Content-Type", media_type)], body="é".encode())
    assert (made["body"], made["isBase64Encoded"]) == ("é", False)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Content-Type", "application/x-www-form-urlencoded")],
        [("Content-Type", "application/octet-stream")],
        [("Content-Type", "application/problem+json")],
    ],
)
def test_all_other_bodies_are_base64(headers):
    made = event(headers=headers or [("host", "h")], body=b"a=1")
    assert (base64.b64decode(made["body"]), made["isBase64Encoded"]) == (b"a=1", True)


def test_text_that_is_no_utf_8_is_base64():
    made = event(headers=[("Content-Type", "text/plain")], body=b"\xff")
    assert (base64.b64decode(made["body"]), made["isBase64Encoded"]) == (b"\xff", True)


@pytest.mark.parametrize(
    ("target", "segments"),
    [
        ("/", ("",)),
        ("/a/b", ("a", "b")),
        ("/a%2Fb/c", ("a/b", "c")),
        ("//a//b", ("", "a", "", "b")),
        ("/caf\xc3\xa9", ("café",)),
        ("/100%", ("100%",)),
        ("http://host:1/a?b", ("a",)),
        ("http://host", ("",)),
    ],
)
def test_a_path_is_split_before_it_is_decoded(target, segments):
    assert locate(target).segments == segments


@pytest.mark.parametrize(
    ("target", "dated"),
    [
        ("/2015-03-31/functions", True),
        ("/2015-03-31/", True),
        ("/%32015-03-31/functions", True),
        ("http://host/2015-03-31/functions", True),
        ("/2015-03-31", False),
        ("/2015-03-31%2ffunctions", False),
        ("/2015-03-31x/functions", False),
        ("//2015-03-31/functions", False),
    ],
)
def test_a_path_of_aws_is_one_however_it_is_written(target: str, dated: bool):
    assert is_dated(target) == locate(target).is_dated == dated


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("/a/../b", "'..' segment"),
        ("/a/%2e%2E/b", "'..' segment"),
        ("/a/..%2f..%2fetc", "'..' segment"),
        ("/.", "'..' segment"),
        ("/%FF", "not UTF-8"),
        ("/\xff", "not UTF-8"),
        ("/?a=%ff", "not UTF-8"),
        ("/a%00b", "NUL"),
        ("/?a=%00", "NUL"),
        ("*", "begin with a slash"),
        ("", "begin with a slash"),
        ("/" + "a" * 8000, "longer than 8000"),
        ("/?" + "&a" * 1001, "more than 1000 parameters"),
    ],
)
def test_a_target_that_no_handler_may_see_is_refused(target, fault):
    with pytest.raises(InvalidRequest, match=fault):
        locate(target)
