"""Calls the WSGI application for one request, and makes the bytes of its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol

from gunicorn.config import Config
from gunicorn.http import errors, wsgi
from gunicorn.http.message import Request

from stepwell.functions.errors import InvalidRequest, StepwellError
from stepwell.runtime.server.connection import Answer, Connection
from stepwell.runtime.server.stream import LiveStream

_STATUSES = {
    "LimitRequestLine": 414,
    "LimitRequestHeaders": 431,
    "UnsupportedTransferCoding": 501,
    "ExpectationFailed": 417,
    "ForbiddenProxyRequest": 403,
}
"""The statuses of gunicorn's errors, by the names of their classes: not every release has them all."""


class Observer(Protocol):
    """Is told of each request, in the thread that answers it."""

    def begins(self, request: Request) -> None: ...
    def has_answered(self, response: Any, request: Request, environ: dict[str, Any], took: timedelta) -> None: ...


class Unobserved:
    """Nobody is told."""

    def begins(self, request: Request) -> None:
        pass

    def has_answered(self, response: Any, request: Request, environ: dict[str, Any], took: timedelta) -> None:
        pass


@dataclass
class Outgoing:
    """Stands for the client's socket where gunicorn writes an answer: it keeps the bytes."""

    parts: list[bytes] = field(default_factory=list)

    def sendall(self, data: bytes) -> None:
        self.parts.append(data)

    def send(self, data: bytes) -> int:
        """Gunicorn sends 100 Continue by this, which the server has done."""
        return len(data)


def answer_of(
    app: Any, config: Config, connection: Connection, may_keep: Callable[[], bool], observer: Observer
) -> Answer:
    """The application's answer to the connection's request. Raises whatever the application raises.

    ``may_keep`` is asked once the application has answered, and says whether a further request may follow.
    """
    request, out = connection.request, Outgoing()
    began = datetime.now()
    observer.begins(request)
    response, environ = wsgi.create(request, out, connection.client, connection.server, config)
    environ["wsgi.multithread"] = True
    body: Any = ()
    try:
        body = app(environ, response.start_response)
        if not may_keep():
            response.force_close()
        if isinstance(body, LiveStream):
            response.send_headers()
            return Answer(b"".join(out.parts), stream=body, is_chunked=response.chunked)
        for part in body:
            response.write(part)
        response.close()
        return Answer(b"".join(out.parts), not response.should_close())
    finally:
        if hasattr(body, "close") and not isinstance(body, LiveStream):
            body.close()
        observer.has_answered(response, request, environ, datetime.now() - began)


def refusal(error: StepwellError, status: int | None = None) -> bytes:
    """A whole answer in our form of errors, for a request that no handler sees. The connection closes after it."""
    status, body = status or error.status, json.dumps(error.to_dict()).encode()
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in error.headers.items()),
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def is_of_client(fault: Exception) -> bool:
    """Whether the client is at fault: gunicorn's parser does not understand the request, its head or its body."""
    is_parsers = isinstance(fault, errors.ParseException) and not isinstance(fault, errors.ConfigurationProblem)
    # A header of the application that cannot be sent is such an error, too.
    return is_parsers and not type(fault).__name__.startswith("InvalidResponse")


def refusal_of(fault: Exception) -> bytes:
    """The answer to a request that gunicorn's parser refuses; any other fault is ours, and says nothing of itself."""
    if not is_of_client(fault):
        return refusal(StepwellError())
    return refusal(InvalidRequest(str(fault)), _STATUSES.get(type(fault).__name__))
