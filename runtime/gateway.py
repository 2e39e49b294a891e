"""Request -> event -> handler -> response; whatever goes wrong on the way is an answer too, never an error page.

Built-in handlers run here, in the web process, and answer errors in the one JSON form. A user's handler runs in the
sandbox, and when it fails is answered for as API Gateway would.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Protocol

from stepwell.functions.api._schemas import SCHEMAS
from stepwell.functions.contract import ApiContext
from stepwell.functions.errors import StepwellError, Unavailable
from stepwell.runtime.aws import rest_protocol
from stepwell.runtime.aws.json_protocol import StepFunctions
from stepwell.runtime.catalog.catalog import Catalog, Function
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.http.access_keys import Guard
from stepwell.runtime.http.body import drain, json_of, read_body
from stepwell.runtime.http.body_schema import BodySchema
from stepwell.runtime.http.origin import Origins
from stepwell.runtime.http.request import Request, event_of, locate
from stepwell.runtime.http.response import MalformedResponse, Response, error_response, json_response, response_of
from stepwell.runtime.http.routes import Router
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.lambdas import files
from stepwell.runtime.outage import is_away
from stepwell.runtime.settings import Limits, Settings

log = logging.getLogger("stepwell.http")

USERS_TIMEOUT_SECONDS = 30.0
_TIMED_OUT = ("States.Timeout", "Sandbox.Timedout")


class Invoker(Protocol):
    def run(self, invocation: Invocation) -> Outcome:
        """Run a handler in the sandbox."""


class Endpoint(Protocol):
    limit: int

    def answer(self, request: Request, event: dict[str, Any], body: bytes) -> Response: ...


class Gateway:
    """Answers requests."""

    def __init__(
        self,
        catalog: Catalog,
        make_context: Callable[[str], ApiContext],
        invoker: Invoker,
        settings: Settings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        limits, origins = settings.limits, Origins(settings.url, settings.hosts)
        self._clock = clock
        self._guard = Guard(dict(settings.access_keys), clock)
        self._step_functions = StepFunctions(catalog.targets, make_context, origins, limits, self._guard)
        self._router = Router(catalog.routes)
        self._endpoints: Mapping[str, Endpoint] = {
            route.key: _built_in(function, make_context, origins, limits)
            if function.builtin
            else Users(function, invoker, limits)
            for route, function in catalog.routes.items()
        }

    def handle(self, request: Request) -> Response:
        """The response to a request, whatever happens; it names the request's id."""
        request_id = str(uuid.uuid4())
        if self._step_functions.is_asked(request):
            return self._step_functions.answer(request, request_id, self._clock())
        try:
            response = self._answer(request, request_id)
        except Exception as fault:
            told = _told(fault, request, request_id)
            response = (
                rest_protocol.error_response(told) if rest_protocol.is_asked(request.target) else error_response(told)
            )
            drain(request)
        if rest_protocol.is_asked(request.target):
            response = response.with_header("x-amzn-requestid", request_id)
        if request.method == "HEAD":
            response = response.without_body()
        return response.with_header("x-request-id", request_id)

    def _answer(self, request: Request, request_id: str) -> Response:
        prove = self._guard.proof(request)
        location = locate(request.target)
        match = self._router.choose(request.method, rest_protocol.segments_of(location))
        endpoint = self._endpoints[match.route.key]
        body = read_body(request, endpoint.limit)
        prove(body)
        event = event_of(request, location, match, body, request_id=request_id, at=self._clock())
        return endpoint.answer(request, event, body)


class BodyCheck:
    """What a body must be before its handler is called: JSON, and as the handler's BODY says if it has one."""

    def __init__(self, function: Function, limits: Limits) -> None:
        self._depth = limits.depth
        self._schema = BodySchema(function.body, SCHEMAS) if function.body is not None else None

    def check(self, request: Request, body: bytes) -> None:
        """Raises UnsupportedMediaType, InvalidJson and InvalidRequest."""
        value = json_of(request, body, self._depth)
        if self._schema:
            self._schema.check(value)


def _built_in(
    function: Function, make_context: Callable[[str], ApiContext], origins: Origins, limits: Limits
) -> Endpoint:
    kind = rest_protocol.Operation if function.kind == "lambda" else BuiltIn
    return kind(function, make_context, origins, limits)


class BuiltIn:
    """A handler of the house: who asks and with what is checked before it is called, and its errors are ours."""

    def __init__(
        self, function: Function, make_context: Callable[[str], ApiContext], origins: Origins, limits: Limits
    ) -> None:
        self.limit: int = getattr(limits, function.body_limit)
        self._origins = origins
        self._body = BodyCheck(function, limits) if function.kind == "api" else None
        self._handler = import_module(function.imported_as).handler
        self._make_context = make_context

    def answer(self, request: Request, event: dict[str, Any], body: bytes) -> Response:
        self._origins.check(request)
        if self._body:
            self._body.check(request, body)
        context = self._make_context(event["requestContext"]["requestId"])
        return response_of(self._handler(event, context))


class Users:
    """A user's own handler: fails as it would behind API Gateway. Without a BODY it sees every body as it came."""

    def __init__(self, function: Function, invoker: Invoker, limits: Limits) -> None:
        self.limit: int = getattr(limits, function.body_limit)
        self._body = BodyCheck(function, limits) if function.body is not None else None
        self._function = function
        self._target = files.target(function)
        self._invoker = invoker

    def answer(self, request: Request, event: dict[str, Any], body: bytes) -> Response:
        if self._body:
            self._body.check(request, body)
        request_id = event["requestContext"]["requestId"]
        outcome = self._invoker.run(
            Invocation(self._target, jsontext.write(event), request_id, request_id, USERS_TIMEOUT_SECONDS)
        )
        if outcome.error in _TIMED_OUT:
            log.warning("%s timed out (request %s)", self._function.path, request_id)
            return json_response(503, {"message": "Service Unavailable"})
        try:
            return response_of(_result(outcome))
        except (MalformedResponse, jsontext.NotJson) as fault:
            log.warning("%s failed (request %s): %s", self._function.path, request_id, fault)
            return json_response(500, {"message": "Internal Server Error"})


def _result(outcome: Outcome) -> Any:
    if outcome.result is None:
        raise MalformedResponse(f"{outcome.error}: {outcome.cause}")
    return jsontext.read(outcome.result)


def _told(fault: Exception, request: Request, request_id: str) -> StepwellError:
    """What the caller is told of a fault; what is our own fault goes to the log, whole."""
    if is_away(fault):
        log.warning(
            "%s %.200r: the database is away (request %s): %s", request.method, request.target, request_id, fault
        )
        return Unavailable()
    if isinstance(fault, StepwellError) and fault.status != StepwellError.status:
        return fault
    log.error("%s %.200r failed (request %s)", request.method, request.target, request_id, exc_info=fault)
    return StepwellError()
