"""Reads a request's body, up to the limit of its route."""

from __future__ import annotations

from stepwell.functions.errors import InvalidJson, InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.http.request import Request

Json = jsontext.Json

_CHUNK = 64 << 10


def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises InvalidRequest and PayloadTooLarge, by the Content-Length before anything is read."""
    check_length(request, limit)
    length = _content_length(request)
    body = _read(request, limit + 1 if length is None else length)
    if len(body) > limit:
        raise _too_large(limit)
    if length is not None and len(body) < length:
        raise InvalidRequest("The body ended before its Content-Length.")
    return body


def check_length(request: Request, limit: int) -> int:
    """The limit, if the request does not announce a longer body. Raises InvalidRequest and PayloadTooLarge."""
    length = _content_length(request)
    if length is not None and length > limit:
        raise _too_large(limit)
    return limit


def json_of(request: Request, body: bytes, depth: int) -> Json:
    """The JSON value of a body; None for an empty body. Raises UnsupportedMediaType and InvalidJson."""
    if not body:
        return None
    if request.media_type != "application/json":
        raise UnsupportedMediaType()
    try:
        return jsontext.read(body, depth)
    except jsontext.NotJson as fault:
        raise InvalidJson(f"The body is not JSON: {fault}.") from None


def _content_length(request: Request) -> int | None:
    text = request.headers.get("content-length")
    if not text or "transfer-encoding" in request.headers:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidRequest("The Content-Length is not a number.")
    return int(text)


def _read(request: Request, most: int) -> bytes:
    parts, left = [], most
    while left > 0:
        try:
            part = request.stream.read(min(left, _CHUNK))
        # Each server raises errors of its own classes for a body that breaks off.
        except Exception:
            raise InvalidRequest("The body broke off, or is not framed as it says.") from None
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {limit} bytes.")
