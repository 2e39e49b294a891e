"""The web process: Flask passes every request to the gateway.

``gunicorn "stepwell.runtime.app:create_app()"`` runs it.
"""

from __future__ import annotations

import atexit
import io
from typing import Protocol
from urllib.parse import quote

import flask
from gunicorn.http.message import Request as ParsedRequest

from stepwell.runtime import logs
from stepwell.runtime.api.context import CallContext
from stepwell.runtime.assembly import build
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.gateway import Gateway
from stepwell.runtime.http.request import Request, joined
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.sandbox import parent
from stepwell.runtime.server.capacity import SERVED, Application
from stepwell.runtime.server.connection import Deadlines
from stepwell.runtime.settings import Settings, read_server_settings

OWN_THREADS = ("/health", "/ready")
"""Their requests never wait for other work, so a monitor always gets an answer."""


class WebRuntime(Protocol):
    """The part of a runtime that the web process uses; ``stepwell.runtime.assembly.build`` makes the real one."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def invoker(self) -> Invoker | InProcessInvoker: ...
    @property
    def waiting(self) -> WaitingLimit: ...
    def api_context(self, request_id: str) -> CallContext: ...
    def close(self) -> None: ...


def create_app(settings: Settings | None = None, runtime: WebRuntime | None = None) -> flask.Flask:
    """The WSGI application, on the runtime given or on the one that the settings describe.

    A runtime that is given stays open: its owner closes it.
    """
    settings = settings or read_server_settings()
    runtime = runtime or _built(settings)
    gateway = Gateway(runtime.catalog, runtime.api_context, runtime.invoker, settings, runtime.waiting)
    app = flask.Flask(__name__, static_folder=None)
    app.extensions["stepwell"] = runtime
    app.extensions[SERVED] = Application(
        app,
        lambda parsed: gateway.body_limit(_without_body(parsed)),
        OWN_THREADS,
        Deadlines(settings.head_seconds, settings.body_seconds, settings.body_rate),
        runtime.waiting.end_polls,
    )

    # A hook, not a rule: Flask's own routing would refuse unknown methods and redirect double slashes first.
    @app.before_request
    def answer() -> flask.Response:
        return _answer(gateway, flask.request)

    return app


def _without_body(parsed: ParsedRequest) -> Request:
    """A request whose body has not come yet."""
    return Request(
        method=parsed.method,
        target=parsed.uri,
        headers=joined(parsed.headers),
        stream=io.BytesIO(),
        scheme=parsed.scheme,
    )


class _Answer(flask.Response):
    # By default Flask gives text/html to an answer without a content type, also to one without a body.
    default_mimetype = None


def _built(settings: Settings) -> WebRuntime:
    logs.configure()
    parent.hide()
    parent.warn_of_root()
    runtime = build(settings)
    atexit.register(runtime.close)
    return runtime


def _answer(gateway: Gateway, request: flask.Request) -> flask.Response:
    response = gateway.handle(
        Request(
            method=request.method,
            target=_target(request),
            headers=joined(request.headers),
            stream=request.stream,
            source_ip=request.remote_addr or "127.0.0.1",
            protocol=request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
            scheme=request.scheme,
        )
    )
    return _Answer([response.body], response.status, list(response.headers))


def _target(request: flask.Request) -> str:
    """The request target as it was sent. WSGI only has the decoded path, but servers keep the raw target as well."""
    raw = request.environ.get("RAW_URI")
    if raw:
        return str(raw)
    query = request.environ.get("QUERY_STRING", "")
    return quote(request.environ["PATH_INFO"], encoding="latin-1") + (f"?{query}" if query else "")
