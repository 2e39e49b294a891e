"""Each route of the catalog gets every attack in these tables. A new route gets them without further work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from stepwell.functions.contract.schemas import SCHEMAS
from stepwell.functions.errors import InvalidRequest
from stepwell.runtime.catalog.catalog import Catalog, Function
from stepwell.runtime.http.body_schema import BodySchema
from stepwell.runtime.http.request import is_dated
from stepwell.runtime.http.routes import METHODS, Route
from tests.adversary.web import JSON, Ask, Web, breaches

Json = Any

ROUTES: Mapping[str, Route] = {route.key: route for route in Catalog.load().routes}
REFUSED = tuple(range(400, 500))
OK_OR_REFUSED = (200, 201, 204, 302, *REFUSED)

# Bodies


def nested(depth: int) -> bytes:
    return b'{"input":' * depth + b"1" + b"}" * depth


NOT_JSON: Mapping[str, bytes] = {
    "nothing but a bracket": b"{",
    "two values": b"{} {}",
    "a trailing comma": b'{"input": [1,]}',
    "single quotes": b"{'input': 1}",
    "a comment": b"{} // no",
    "white space": b" ",
    "a bare word": b"undefined",
    "an unquoted key": b"{input: 1}",
    "a tab in a string": b'{"input": "\t"}',
    "a bad escape": b'{"input": "\\x41"}',
    "NaN": b'{"input": NaN}',
    "Infinity": b'{"input": -Infinity}',
    "a number too large": b'{"input": 1e999}',
    "a negative number too large": b'{"input": -1e999}',
    "an integer of 65 bits": b'{"input": 18446744073709551616}',
    "an integer of 10,000 digits": b'{"input": 1' + b"0" * 10_000 + b"}",
    "an integer of 900,000 digits": b'{"input": ' + b"9" * 900_000 + b"}",
    "leading zeroes": b'{"input": 007}',
    "hexadecimal": b'{"input": 0x10}',
    "a key twice": b'{"input": 1, "input": 2}',
    "a key twice, spelled otherwise": b'{"input": 1, "\\u0069nput": 2}',
    "a long key twice": b'{"%b": 1, "%b": 2}' % (b"k" * 300_000, b"k" * 300_000),
    "a key twice, deep": b'{"input": {"a": [{"b": 1, "b": 2}]}}',
    "NUL": b'{"input": "\\u0000"}',
    "NUL as it is": b'{"input": "\x00"}',
    "NUL in a key": b'{"\\u0000": 1}',
    "half a surrogate pair": b'{"input": "\\ud800"}',
    "the other half": b'{"input": "\\udc00 \\ud800"}',
    "half a pair in a key": b'{"input": {"\\udfff": 1}}',
    "half a pair in UTF-8": b'{"input": "\xed\xa0\x80"}',
    "invalid UTF-8": b'{"input": "\xff\xfe"}',
    "overlong UTF-8": b'{"input": "\xc0\xaf"}',
    "UTF-8 cut short": b'{"input": "\xe2\x82"}',
    "beyond Unicode": b'{"input": "\xf5\x80\x80\x80"}',
    "Latin-1": '{"input": "é"}'.encode("latin-1"),
    "UTF-16": '{"input": 1}'.encode("utf-16"),
    "UTF-32": '{"input": 1}'.encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "65 deep": nested(65),
    "100,000 brackets": b"[" * 100_000,
    "100,000 brackets, closed": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
    "brackets behind a string": b'["' + b"[" * 1000 + b'",' + b"[" * 100,
    "a string without an end": b'{"input": "' + b'\\"' * 100_000,
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "a form": b"input=1&name=x",
    "pickle": b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix",
    "random bytes": bytes(range(256)),
}

MEDIA_TYPES = (
    *("text/plain", "text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
    *("application/xml", "application/octet-stream", "application/x-ndjson", "application/vnd.x+json", "json"),
    *("", "application/json, text/plain", "a" * 5_000, "application/json/x", "\xff\xfe", "application/jsonp"),
)

WRONG_VALUES: tuple[Json, ...] = (None, True, 0, -1, 1.5, 1 << 62, "", "x", "x" * 5_000, [], [[]], {}, {"x": 1}, [None])


def bad_bodies(ask: Ask, function: Function) -> Iterator[tuple[str, Ask, tuple[int, ...]]]:
    """Malformed bodies. Every route refuses them."""
    for name, body in NOT_JSON.items():
        yield name, replace(ask.with_headers(JSON), body=body), (400,)
    for media_type in MEDIA_TYPES:
        body = ask.body or b"{}"
        yield f"as {media_type[:40]!r}", replace(ask.with_headers({"content-type": media_type}), body=body), (415,)
    too_long = b'{"input": "' + b"x" * (10 << 20) + b'"}'
    yield "10 MB", replace(ask.with_headers(JSON), body=too_long), (413,)
    yield "a body that ends early", replace(ask.with_headers(JSON), body=b"{}", length="50"), (400,)
    for length in ("-1", "0x2", "2, 2", "1e1", "9" * 30, "\u0662", "+2"):
        yield f"a length of {length}", replace(ask.with_headers(JSON), body=b"{}", length=length), (400, 413)


def wrong_types(ask: Ask, function: Function) -> Iterator[tuple[str, Ask, tuple[int, ...]]]:
    """Bodies with each wrong value in each member in turn, with unknown members, and without one of the members."""
    if function.body is None:
        return
    schema = BodySchema(function.body, SCHEMAS)
    good = json_of(ask.body)
    bodies = [*WRONG_VALUES, {**good, "unknown": 1}, {**good, "x" * 100_000: 1}, {**good, "__proto__": {}}]
    bodies += [{**good, member: value} for member in members_of(function.body) for value in WRONG_VALUES]
    bodies += [{other: good[other] for other in good if other != member} for member in good]
    for body in bodies:
        expected = OK_OR_REFUSED if is_taken(schema, body) else (400,)
        yield f"the body {str(body)[:60]}", replace(ask.with_headers(JSON), body=text_of(body)), expected


def members_of(schema: Mapping[str, Json]) -> list[str]:
    reference = schema.get("$ref", "").rpartition("/")[2]
    return list((SCHEMAS[reference] if reference else schema).get("properties", {}))


def json_of(text: bytes) -> Json:
    return json.loads(text) if text else {}


def text_of(body: Json) -> bytes:
    return json.dumps(body).encode()


def is_taken(schema: BodySchema, body: Json) -> bool:
    try:
        schema.check(body)
    except InvalidRequest:
        return False
    return True


# Paths

SEGMENTS: Mapping[str, str] = {
    "a slash": "a%2Fb",
    "an encoded way up": "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "a way up, encoded twice": "%252e%252e%252fetc%252fpasswd",
    "a way up in backslashes": "..%5c..%5cwindows",
    "an absolute path": "%2fetc%2fpasswd",
    "a file URL": "file%3A%2F%2F%2Fetc%2Fpasswd",
    "NUL": "a%00b",
    "a line break": "a%0d%0aX-Injected:%20yes",
    "control characters": "%01%02%1b%5b31m",
    "invalid UTF-8": "%ff%fe",
    "half a surrogate pair": "%ed%a0%80",
    "overlong UTF-8": "%c0%ae%c0%ae",
    "a broken escape": "%zz%",
    "raw bytes": "\xff\xfe",
    "umlauts": "r%C3%A9sum%C3%A9",
    "umlauts as they are": "r\xc3\xa9sum\xc3\xa9",
    "emoji": "%F0%9F%92%A9",
    "right to left": "%E2%80%AEgnp.exe",
    "5,000 characters": "x" * 5_000,
    "5,000 encoded characters": "%F0%9F%92%A9" * 600,
    "20,000 characters": "x" * 20_000,
    "HTML": "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "SQL": "'%20OR%201%3D1;%20DROP%20TABLE%20workflow;--",
    "a wildcard": "%25",
    "a template": "{{7*7}}${7*7}",
    "format fields": "%25s%25n{0.__class__}",
    "a dot": "%2e",
    "white space": "%20",
    "the nil id": "00000000-0000-0000-0000-000000000000",
    "the last id": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "an id in capitals": "0193F0E0-0000-7000-8000-000000000000",
    "an id in braces": "{0193f0e0-0000-7000-8000-000000000000}",
    "an id as a URN": "urn:uuid:0193f0e0-0000-7000-8000-000000000000",
    "an id without dashes": "0193f0e0000070008000000000000000",
    "a token of no execution": "0193f0e0-0000-7000-8000-000000000000.1.0",
    "a token beyond all tasks": "0193f0e0-0000-7000-8000-000000000000.999999.0",
    "a token of dots": "...",
    "a token in other digits": "0193f0e0-0000-7000-8000-000000000000.%D9%A1.0",
    "a number": "1",
    "null": "null",
}


def hostile_paths(web: Web, route: Route, ask: Ask) -> Iterator[tuple[str, Ask, tuple[int, ...]]]:
    for variable in route.variables:
        for name, segment in SEGMENTS.items():
            target = web.target(route, **{variable: segment})
            yield f"{variable} is {name}", replace(ask, target=target), REFUSED
    target = ask.target
    for name, changed, expected in (
        ("no slash", target[1:] or "x", (400,)),
        ("two slashes", f"/{target}", REFUSED),
        ("a slash behind", f"{target}/", OK_OR_REFUSED if target == "/" or is_dated(target) else REFUSED),
        ("a way up", f"/x/..{target}", (400,)),
        ("a dot", f"/.{target}", (400,)),
        ("an asterisk", "*", (400,)),
        ("an authority", "example.com:80", (400,)),
        ("a full URL", f"http://example.com{target}", OK_OR_REFUSED),
        ("a matrix parameter", f"{target};a=b", REFUSED),
        ("a long way", target + "/x" * 3_000, REFUSED),
    ):
        yield name, replace(ask, target=changed), expected


# Queries

QUERY_VALUES: Mapping[str, str] = {
    **{name: value for name, value in SEGMENTS.items() if len(value) < 8_000},
    "nothing": "",
    "below zero": "-1",
    "zero": "0",
    "a fraction": "1.5",
    "an exponent": "1e3",
    "more than there may be": "1000000",
    "a huge number": "9" * 5_000,
    "other digits": "%D9%A1%D9%A2",
    "a sign": "%2B5",
    "an underscore": "1_0",
    "hexadecimal": "0x10",
    "a list": "1%2C2",
    "the last integer": "9223372036854775807",
    "one more": "9223372036854775808",
}


CHECKED = frozenset({"limit", "cursor", "status", "tasks", "form", "after", "skip"})
NEVER_RIGHT = ("%20", "1%2C2", "%2Fx", "%3Cb%3E", "%F0%9F%92%A9%00", "x" * 5_000)


def hostile_queries(route: Route, ask: Ask, function: Function) -> Iterator[tuple[str, Ask, tuple[int, ...]]]:
    names = [*function.query, "nobody_knows_this"]
    for parameter in names:
        for name, value in QUERY_VALUES.items():
            yield f"{parameter} is {name}", ask.with_query(f"{parameter}={value}"), OK_OR_REFUSED
        yield f"{parameter} twice", ask.with_query(f"{parameter}=1&{parameter}=2"), OK_OR_REFUSED
    for parameter in CHECKED.intersection(names):
        for value in NEVER_RIGHT:
            yield f"{parameter}={value[:20]}", ask.with_query(f"{parameter}={value}"), (400,)
    yield "NUL", ask.with_query("a=%00"), (400,)
    yield "a name with NUL", ask.with_query("%00=1"), (400,)
    yield "invalid UTF-8", ask.with_query("a=%ff"), (400,)
    yield "1,001 parameters", ask.with_query("&".join(["a=1"] * 1_001)), (400,)
    yield "too long", ask.with_query("a=" + "x" * 8_000), (400,)
    yield "question marks", ask.with_query("???&&&==="), OK_OR_REFUSED


# Methods and headers


def wrong_methods(ask: Ask, allowed: set[str]) -> Iterator[tuple[str, Ask, tuple[int, ...]]]:
    for method in (*METHODS, "TRACE", "CONNECT", "BREW", "PROPFIND", "X" * 1_000, "get-", "\xc9"):
        if method not in allowed:
            yield f"method {method[:20]}", replace(ask, method=method), (405,)


HEADERS: Mapping[str, Mapping[str, str]] = {
    "a host that is none": {"host": "a b\tc"},
    "an empty host": {"host": ""},
    "a host with credentials": {"host": "user:password@evil.example"},
    "a host with many colons": {"host": ":::::"},
    "a long host": {"host": "a." * 4_000},
    "a cookie of garbage": {"cookie": '=;;;=\xff; a="; b'},
    "forwarded headers": {"x-forwarded-for": "'--", "x-forwarded-proto": "javascript", "x-forwarded-host": "<b>"},
    "ranges": {"range": "bytes=0-,0-,0-", "if-match": "*", "if-modified-since": "never"},
    "an expectation": {"expect": "200-ok"},
    "a request id": {"x-request-id": "mine", "x-amzn-trace-id": "\x01"},
    "another method": {"x-http-method-override": "DELETE", "x-method-override": "DELETE"},
    "accepting nothing": {"accept": "nothing/*;q=\xff", "accept-encoding": "gzip;q=x", "accept-charset": "x"},
    "an origin": {"origin": "https://evil.example", "referer": "https://evil.example/"},
}


def hostile_headers(ask: Ask) -> Iterator[tuple[str, Ask, tuple[int, ...]]]:
    for name, headers in HEADERS.items():
        yield name, ask.with_headers(headers), OK_OR_REFUSED
    if ask.method not in ("GET", "HEAD", "OPTIONS"):
        yield "from another site", ask.with_headers({"sec-fetch-site": "cross-site"}), (403,)


# The attacks

Attack = tuple[str, Ask, tuple[int, ...]]


def on_bodies(web: Web, route: Route) -> Iterator[Attack]:
    function = web.catalog.routes[route]
    if function.kind == "api":
        yield from bad_bodies(web.valid(route), function)


def on_types(web: Web, route: Route) -> Iterator[Attack]:
    yield from wrong_types(web.valid(route), web.catalog.routes[route])


def on_paths(web: Web, route: Route) -> Iterator[Attack]:
    yield from hostile_paths(web, route, web.valid(route))


def on_queries(web: Web, route: Route) -> Iterator[Attack]:
    yield from hostile_queries(route, web.valid(route), web.catalog.routes[route])


def on_methods(web: Web, route: Route) -> Iterator[Attack]:
    answering = {one.method for one in web.catalog.routes if one.path == route.path}
    aws = {"POST"} if route.path == "/" else set()  # Step Functions' own protocol, with its own errors
    yield from wrong_methods(web.valid(route), answering | aws | ({"HEAD"} if "GET" in answering else set()))


def on_headers(web: Web, route: Route) -> Iterator[Attack]:
    yield from hostile_headers(web.valid(route))


@pytest.mark.parametrize("attacks", [on_bodies, on_types, on_paths, on_queries, on_methods, on_headers])
@pytest.mark.parametrize("key", ROUTES)
def test_the_door_holds(web: Web, key: str, attacks: Callable[[Web, Route], Iterator[Attack]]) -> None:
    web.furnish()
    found = [breach for attack in attacks(web, ROUTES[key]) for breach in breaches(web, *attack)]
    assert not found, "\n" + "\n".join(found[:40])


@pytest.mark.parametrize("answer", ["success", "heartbeat"])
def test_a_token_of_the_last_id_is_refused(web: Web, answer: str) -> None:
    ask = Ask("POST", f"/tasks/ffffffff-ffff-ffff-ffff-ffffffffffff.1.0/{answer}", JSON, b'{"output": 1}')
    assert not list(breaches(web, "the last id's token", ask, (400,)))
