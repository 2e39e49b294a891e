"""Turns an HTTP request into an event of API Gateway's HTTP API (payload 2.0)."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qsl, quote, unquote

from stepwell.functions.errors import InvalidRequest
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.http.routes import Match

LONGEST_TARGET = 8000
MOST_PARAMETERS = 1000
TEXT_TYPES = frozenset({"application/json", "application/xml", "application/javascript"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@,\[\]]+?)\.?)(?::(\d*))?")


class Stream(Protocol):
    """The body of a request, read piece by piece."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Request:
    """One request. ``target`` is unchanged from the request line, ``headers`` come from ``joined``."""

    method: str
    target: str
    headers: Mapping[str, str]
    stream: Stream
    source_ip: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"
    scheme: str = "http"

    @property
    def media_type(self) -> str:
        """The content type in lower case and without its parameters; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class RequestTarget:
    """A request target, taken apart: ``path`` and ``parameters`` are decoded, ``query`` is not."""

    path: str
    segments: tuple[str, ...]
    query: str
    parameters: Mapping[str, str]

    @property
    def is_dated(self) -> bool:
        """Whether the path belongs to AWS's REST protocol: it begins with the date of an API's version."""
        return len(self.segments) > 1 and _DATE.fullmatch(self.segments[0]) is not None


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name, repeated ones joined with a comma."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        name = name.lower()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def host_of(authority: str) -> str:
    """The name or the address in a Host header, in lower case and without its port; empty if it is malformed."""
    found = _AUTHORITY.fullmatch(authority)
    return (found[1] or found[2]).lower() if found else ""


def locate(target: str) -> RequestTarget:
    """Take a request target apart. Raises InvalidRequest for a target that no handler may see.

    Each segment is decoded by itself: an encoded slash is data and never a separator.
    """
    if len(target) > LONGEST_TARGET:
        raise InvalidRequest(f"The URL is longer than {LONGEST_TARGET} characters.")
    path, _, query = quote(origin_form(target), safe=_PRINTABLE, encoding="latin-1").partition("?")
    if not path.startswith("/"):
        raise InvalidRequest("The path must begin with a slash.")
    segments = tuple(_segment(part) for part in path[1:].split("/"))
    return RequestTarget("/" + "/".join(segments), segments, query, _parameters(query))


def event_of(
    request: Request, location: RequestTarget, match: Match, body: bytes, *, request_id: str, at: datetime
) -> dict[str, Json]:
    """The event for a request, with the members that API Gateway has. Empty members are absent."""
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    text, is_base64 = _text(body, request.media_type)
    optional = {
        "cookies": [one.strip() for one in request.headers.get("cookie", "").split(";") if one.strip()],
        "queryStringParameters": dict(location.parameters),
        "pathParameters": dict(match.parameters),
        "body": text,
    }
    return {
        "version": "2.0",
        "routeKey": match.route.key,
        "rawPath": location.path,
        "rawQueryString": location.query,
        "headers": _forwarded(request, at, request_id) | headers,
        **{name: value for name, value in optional.items() if value},
        "requestContext": _request_context(request, location, match, request_id, at),
        "isBase64Encoded": is_base64,
    }


def _request_context(
    request: Request, location: RequestTarget, match: Match, request_id: str, at: datetime
) -> dict[str, Json]:
    domain = host_of(request.headers.get("host", "localhost"))
    return {
        "accountId": "000000000000",
        "apiId": "local",
        "domainName": domain,
        "domainPrefix": domain.split(".")[0],
        "http": {
            "method": request.method,
            "path": location.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": match.route.key,
        "stage": "$default",
        "time": at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(at.timestamp() * 1000),
    }


def _forwarded(request: Request, at: datetime, request_id: str) -> dict[str, str]:
    """The headers that API Gateway adds. A proxy's own header stays as it is."""
    found = _AUTHORITY.fullmatch(request.headers.get("host", ""))
    port = (found and found[3]) or ("443" if request.scheme == "https" else "80")
    return {
        "x-amzn-trace-id": f"Root=1-{int(at.timestamp()):08x}-{uuid.UUID(request_id).hex[:24]}",
        "x-forwarded-for": request.source_ip,
        "x-forwarded-port": port,
        "x-forwarded-proto": request.scheme,
    }


def _text(body: bytes, media_type: str) -> tuple[str, bool]:
    """A body as text for an event, and whether it is base64. Only text types are not."""
    if not body:
        return "", False
    if media_type in TEXT_TYPES or media_type.startswith("text/"):
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True


def origin_form(target: str) -> str:
    """The target without scheme and host: a server must accept the absolute form (``GET http://host/path``) too."""
    for scheme in ("http://", "https://"):
        if target.lower().startswith(scheme):
            return "/" + target[len(scheme) :].partition("/")[2]
    return target


def is_dated(target: str) -> bool:
    """``RequestTarget.is_dated`` for a target that is not taken apart, and that ``locate`` may refuse."""
    first, slash, _ = origin_form(target)[1:].partition("/")
    return bool(slash) and _DATE.fullmatch(unquote(first)) is not None


def _segment(part: str) -> str:
    text = _decoded(part)
    if not {".", ".."}.isdisjoint(text.split("/")):
        raise InvalidRequest("The path holds a '.' or '..' segment.")
    return text


def _decoded(part: str) -> str:
    try:
        text = unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("The URL's percent escapes are not UTF-8.") from None
    if "\x00" in text:
        raise InvalidRequest("The URL holds the character NUL.")
    return text


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise InvalidRequest("The query's percent escapes are not UTF-8.") from None
    except ValueError:
        raise InvalidRequest(f"The query has more than {MOST_PARAMETERS} parameters.") from None
    if "\x00" in "".join(name + value for name, value in pairs):
        raise InvalidRequest("The query holds the character NUL.")
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found
