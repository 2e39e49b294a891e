"""Sends one HTTP request and returns the response; an unexpected status is an HttpError.

data: ``url`` (http or https), ``method`` (GET), ``headers``, ``body`` (a text is sent as it is, all else as JSON),
``timeoutSeconds`` (10: how long the server may be silent, and how long its whole body may take), ``expect`` (the list
of good statuses; 200 to 399 by default).
Every attempt carries the same Idempotency-Key, so that a server that honours it does the work once.
Result: ``{status, headers, body, isBase64Encoded}``; the body is parsed when it is JSON, base64 when it is no text.
Redirects are followed for GET and HEAD only, never from https to http, and without credentials to another origin.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import time
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from stepwell.functions.contract import Context, Event, Json
from stepwell.functions.steps._data import InvalidData, data_of, idempotency_key_of, mapping, number, whole

RETRY = {"maxAttempts": 3, "intervalSeconds": 1, "backoffRate": 2.0, "maxDelaySeconds": 30}
TIMEOUT_SECONDS = 330

FIELDS = frozenset({"method", "url", "headers", "body", "timeoutSeconds", "expect"})
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LONGEST_ANSWER = 128 << 10
CHUNK = 64 << 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
FOLLOWING = ("GET", "HEAD")
SCHEME_CHANGES = frozenset({("http", "http"), ("https", "https"), ("http", "https")})
CREDENTIALS = ("Authorization", "Cookie", "Proxy-authorization")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")

log = logging.getLogger(__name__)


class HttpError(Exception):
    """The server answered with a status that was not expected."""


class Unreachable(Exception):
    """No whole answer came in time."""


class AnswerTooLarge(Exception):
    """The answer is larger than a step's result may be."""


class AnswerNotJson(Exception):
    """The answer calls itself JSON and is not."""


class RedirectRefused(Exception):
    """The server redirects to where a request must not follow."""


def handler(event: Event, context: Context) -> Json:
    data = mapping(data_of(event), "data", FIELDS)
    seconds = number(data.get("timeoutSeconds", 10), "data.timeoutSeconds", low=0.001, high=300)
    expected = _expected(data.get("expect"))
    request = _request(data, idempotency_key_of(event, context))
    status, headers, body = _exchange(request, seconds)
    log.info("%s answered %d with %d bytes", _name(request), status, len(body))
    if status not in expected:
        raise HttpError(f"{_name(request)} answered {status}: {body[:500].decode(errors='replace')}")
    return {"status": status, "headers": _joined(headers), **_body(headers, body)}


def _request(data: Mapping[str, Json], idempotency_key: str | None) -> Request:
    method = data.get("method", "GET")
    if method not in METHODS:
        raise InvalidData("data.method", f"one of {', '.join(METHODS)}", method)
    content, content_type = _content(data.get("body"))
    defaults = {"Idempotency-key": idempotency_key, "Content-type": content_type, "User-agent": "stepwell"}
    headers = {name: value for name, value in defaults.items() if value} | _headers(data.get("headers"))
    return Request(_url(data.get("url")), content, headers, method=method)


def _url(url: Json) -> str:
    """The URL. Raises InvalidData unless urllib would send it unchanged."""
    wanted = "an http or https address without user name, percent-encoded where it is not ASCII"
    if not isinstance(url, str) or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise InvalidData("data.url", wanted, url)
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.username is None and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:
        good = False
    if not good or not parts.hostname:
        raise InvalidData("data.url", wanted, url)
    return url


def _headers(headers: Json) -> dict[str, str]:
    """The headers, checked. Their names are written as urllib writes them, so that each replaces our default."""
    found = {}
    for name, value in mapping({} if headers is None else headers, "data.headers").items():
        if not _TOKEN.fullmatch(name):
            raise InvalidData("data.headers", "an object whose names are header names", name)
        if isinstance(value, bool) or not isinstance(value, str | int) or not _HEADER_VALUE.fullmatch(str(value)):
            raise InvalidData(f"data.headers.{name}", "one line of ASCII text", value)
        found[name.capitalize()] = str(value)
    return found


def _content(body: Json) -> tuple[bytes | None, str | None]:
    if body is None:
        return None, None
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode(), "application/json"


def _expected(expect: Json) -> range | frozenset[int]:
    if expect is None:
        return range(200, 400)
    if not isinstance(expect, list) or not expect:
        raise InvalidData("data.expect", "a list of statuses", expect)
    return frozenset(whole(status, "data.expect", low=100, high=599) for status in expect)


def _exchange(request: Request, seconds: float) -> tuple[int, Message, bytes]:
    """Status, headers and body of the answer, for any status. Raises Unreachable if none comes in time."""
    deadline = time.monotonic() + seconds
    try:
        with _open(request, seconds) as answer:
            return int(answer.status or 0), answer.headers, _read(answer, deadline)
    except (OSError, HTTPException) as fault:
        raise Unreachable(f"{_name(request)}: {getattr(fault, 'reason', None) or fault!r}") from fault


def _open(request: Request, seconds: float) -> HTTPResponse | HTTPError:
    try:
        answer: HTTPResponse = build_opener(_Redirects).open(request, timeout=seconds)
        return answer
    except HTTPError as refusal:
        location = refusal.headers.get("location")
        if location and refusal.status in REDIRECTS and request.get_method() in FOLLOWING:
            refusal.close()
            raise RedirectRefused(f"{_name(request)} redirects in a circle or to {_bare(location)}") from None
        return refusal


def _read(answer: HTTPResponse | HTTPError, deadline: float) -> bytes:
    """The whole body, bounded in size and in time. A socket's time-out alone would not end an answer that drips."""
    length = answer.length
    body = b""
    while length is None or len(body) < length:
        chunk = answer.read1(CHUNK if length is None else min(CHUNK, length - len(body)))
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise AnswerTooLarge(f"the answer is longer than {LONGEST_ANSWER} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer did not end in time")
        if not chunk:
            break
    if length is not None and len(body) < length:
        raise IncompleteRead(body, length - len(body))
    return body


def _body(headers: Message, body: bytes) -> dict[str, Json]:
    kind = headers.get_content_type()
    if not body:
        return {"body": None, "isBase64Encoded": False}
    if kind == "application/json" or kind.endswith("+json"):
        return {"body": _parsed(body), "isBase64Encoded": False}
    try:
        text = body.decode(headers.get_content_charset("utf-8"))
    except (LookupError, UnicodeDecodeError):
        text = "\0"
    if "\0" in text:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return {"body": text, "isBase64Encoded": False}


def _parsed(body: bytes) -> Json:
    def refuse(constant: str) -> Json:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as fault:
        raise AnswerNotJson(str(fault)) from None


def _joined(headers: Message) -> dict[str, str]:
    return {name.lower(): ", ".join(headers.get_all(name, ())) for name in headers}


def _name(request: Request) -> str:
    """The request as a log may show it: a query may hold secrets."""
    return f"{request.get_method()} {_bare(request.full_url)}"


def _bare(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


class _Redirects(HTTPRedirectHandler):
    """Follows GET and HEAD, never from https to http, and without credentials to another origin."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        before, after = _origin(req.full_url), _origin(newurl)
        if req.get_method() not in FOLLOWING or (before[0], after[0]) not in SCHEME_CHANGES:
            return None
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and before != after:
            for name in CREDENTIALS:
                request.remove_header(name)
        return request
