"""Turns a handler's result into an HTTP response by API Gateway's rules (payload 2.0)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from stepwell.functions.errors import StepwellError
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = frozenset({"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_BODILESS = (204, 304)


class MalformedResponse(ValueError):
    """A handler's result is no valid HTTP response. The message is the reason."""


@dataclass(frozen=True)
class Response:
    """An HTTP response. Names of headers are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of the first header with this lower-case name, or None."""
        return next((value for own, value in self.headers if own == name), None)

    def with_header(self, name: str, value: str) -> Response:
        return replace(self, headers=(*self.headers, (name, value)))

    def without_body(self) -> Response:
        """The answer to HEAD: the headers and the length of the answer to GET, without the body."""
        return replace(self.with_header("content-length", str(len(self.body))), body=b"")


def response_of(result: Json) -> Response:
    """The response for a handler's result. Raises MalformedResponse.

    A dict with ``statusCode`` is a whole response. Any other result is the body of a 200, as API Gateway infers.
    """
    if isinstance(result, Mapping) and "statusCode" in result:
        return _explicit(result)
    try:
        text = result if isinstance(result, str) else jsontext.write(result)
    except jsontext.NotJson as fault:
        raise MalformedResponse(f"the result is not JSON: {fault}") from None
    return Response(200, (("content-type", "application/json"),), text.encode())


def json_response(status: int, value: Json, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer of the gateway's own."""
    return Response(
        status, (("content-type", "application/json"), *(headers or {}).items()), jsontext.write(value).encode()
    )


def error_response(error: StepwellError) -> Response:
    """An error in the one JSON error form."""
    return json_response(error.status, error.to_dict(), error.headers)


def _explicit(result: Mapping[str, Json]) -> Response:
    status = result["statusCode"]
    if type(status) is not int or not 200 <= status <= 599:
        raise MalformedResponse(f"statusCode is {status!r}")
    headers = tuple(_headers(result))
    if status in _BODILESS:
        return Response(status, headers, b"")
    if not any(name == "content-type" for name, _ in headers):
        headers = (("content-type", "text/plain;charset=UTF-8"), *headers)
    return Response(status, headers, _body(result))


def _body(result: Mapping[str, Json]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponse(f"body is a {type(body).__name__}, not a string")
    try:
        return base64.b64decode(body, validate=True) if result.get("isBase64Encoded") is True else body.encode()
    except (binascii.Error, ValueError) as fault:
        raise MalformedResponse(f"body cannot be sent: {fault}") from None


def _headers(result: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """The headers to send, with names in lower case. A handler's framing headers are dropped: the server sets them."""
    headers, cookies = result.get("headers") or {}, result.get("cookies") or ()
    if not isinstance(headers, Mapping) or not isinstance(cookies, list | tuple):
        raise MalformedResponse("headers must be an object and cookies a list")
    for name, value in (*headers.items(), *(("set-cookie", cookie) for cookie in cookies)):
        text = _header_text(value)
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not _VALUE.fullmatch(text):
            raise MalformedResponse(f"the header {name!r} cannot be sent")
        if name.lower() not in _FRAMING:
            yield name.lower(), text


def _header_text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise MalformedResponse(f"a header's value is a {type(value).__name__}, not a string")
