"""Turns a request into an event, calls its handler, and turns the result into a response. Failures are responses too.

Built-in handlers run here, in the web process; their errors are answered in the form of the request's protocol. A
user's handler runs in the sandbox; if it fails, the answer is the one that API Gateway would give.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Protocol

from stepwell.functions.contract import Json, JsonText
from stepwell.functions.contract.schemas import SCHEMAS
from stepwell.functions.errors import StepwellError, TooManyRequests, Unavailable
from stepwell.runtime.api.context import CallContext
from stepwell.runtime.aws import rest_protocol
from stepwell.runtime.aws.json_protocol import StepFunctions
from stepwell.runtime.catalog.catalog import Catalog, Function
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.http.access_keys import AccessKeys, Proof
from stepwell.runtime.http.body import check_length, json_of, read_body
from stepwell.runtime.http.body_schema import BodySchema
from stepwell.runtime.http.origin import Origins
from stepwell.runtime.http.request import Request, RequestTarget, event_of, is_dated, locate
from stepwell.runtime.http.request_errors import error_of
from stepwell.runtime.http.response import MalformedResponse, Response, error_response, json_response, response_of
from stepwell.runtime.http.routes import Match, Router
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.lambdas import files
from stepwell.runtime.settings import Limits, Settings

log = logging.getLogger("stepwell.http")

REQUEST_ID = "x-amzn-requestid"
"""The header in which AWS names a request."""
USERS_TIMEOUT_SECONDS = 30.0
_TIMED_OUT = ("States.Timeout", "Sandbox.Timedout")


class WireProtocol(Protocol):
    """One of the protocols of requests. The first one that accepts a request answers or refuses it."""

    def accepts(self, request: Request) -> bool: ...

    def body_limit(self, request: Request) -> int:
        """The most bytes of the body. Raises what ``answer`` raises before it reads the body."""

    def answer(self, request: Request, request_id: str) -> Response:
        """The response. ``refuse`` handles whatever this raises."""

    def refuse(self, fault: Exception, request: Request, request_id: str) -> Response:
        """The response to a request that failed, in the protocol's form of errors."""


class Endpoint(Protocol):
    """The handler of a route. ``limit`` is the most bytes of a body."""

    limit: int

    def answer(self, request: Request, event: dict[str, Json], body: bytes) -> Response: ...


class Gateway:
    """Answers requests in three protocols: Step Functions' JSON, Lambda's REST and our own."""

    def __init__(
        self,
        catalog: Catalog,
        make_context: Callable[[str], CallContext],
        invoker: Invoker | InProcessInvoker,
        settings: Settings,
        waiting: WaitingLimit | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        waiting = waiting or WaitingLimit(settings.waiting)
        limits, origins = settings.limits, Origins(settings.url, settings.hosts)
        keys = AccessKeys(dict(settings.access_keys), clock)
        endpoints: dict[str, Endpoint] = {
            route.key: _built_in(function, make_context, origins, limits)
            if function.builtin
            else UserEndpoint(function, invoker, limits, waiting)
            for route, function in catalog.routes.items()
        }
        routed = Routed(Router(catalog.routes), endpoints, keys, clock)
        self._protocols: tuple[WireProtocol, ...] = (
            StepFunctions(catalog.targets, make_context, origins, limits, keys, clock),
            Lambda(routed),
            Rest(routed),
        )

    def handle(self, request: Request) -> Response:
        """The response to a request, with the request's id. Never raises."""
        request_id = str(uuid.uuid4())
        protocol = next(one for one in self._protocols if one.accepts(request))
        try:
            response = protocol.answer(request, request_id)
        except Exception as fault:
            response = protocol.refuse(fault, request, request_id)
        if request.method == "HEAD":
            response = response.without_body()
        return response.with_header("x-request-id", request_id)

    def body_limit(self, request: Request) -> int:
        """The most bytes that the body of a request may have; 0 if the request is refused without it. Never raises."""
        try:
            return next(one for one in self._protocols if one.accepts(request)).body_limit(request)
        # ``handle`` meets the same fault, and answers it.
        except Exception:
            return 0


class Routed:
    """Finds the endpoint of a request by its method and path, and calls it."""

    def __init__(
        self, router: Router, endpoints: Mapping[str, Endpoint], keys: AccessKeys, clock: Callable[[], datetime]
    ) -> None:
        self._router = router
        self._endpoints = endpoints
        self._keys = keys
        self._clock = clock

    def body_limit(self, request: Request) -> int:
        endpoint, *_ = self._found(request)
        return check_length(request, endpoint.limit)

    def answer(self, request: Request, request_id: str) -> Response:
        endpoint, prove, location, match = self._found(request)
        body = read_body(request, endpoint.limit)
        prove(body)
        event = event_of(request, location, match, body, request_id=request_id, at=self._clock())
        return endpoint.answer(request, event, body)

    def _found(self, request: Request) -> tuple[Endpoint, Proof, RequestTarget, Match]:
        """The endpoint of a request, by its head alone. Raises Unauthenticated, NotFound and MethodNotAllowed."""
        prove = self._keys.proof(request)
        location = locate(request.target)
        match = self._router.choose(request.method, rest_protocol.segments_of(location))
        return self._endpoints[match.route.key], prove, location, match


class Rest:
    """Our own protocol, for every request in no other one. Errors have the one JSON form."""

    def __init__(self, routed: Routed) -> None:
        self.answer = routed.answer
        self.body_limit = routed.body_limit

    def accepts(self, request: Request) -> bool:
        return True

    def refuse(self, fault: Exception, request: Request, request_id: str) -> Response:
        return error_response(_error_of(fault, request, request_id))


class Lambda:
    """The protocol of AWS Lambda: paths begin with a date, and AWS's own header names the request's id as well."""

    def __init__(self, routed: Routed) -> None:
        self._routed = routed
        self.body_limit = routed.body_limit

    def accepts(self, request: Request) -> bool:
        return is_dated(request.target)

    def answer(self, request: Request, request_id: str) -> Response:
        return self._routed.answer(request, request_id).with_header(REQUEST_ID, request_id)

    def refuse(self, fault: Exception, request: Request, request_id: str) -> Response:
        error = _error_of(fault, request, request_id)
        return rest_protocol.error_response(error).with_header(REQUEST_ID, request_id)


class BodyCheck:
    """Checks a body before its handler is called: it must be JSON, and fit the handler's BODY if there is one."""

    def __init__(self, function: Function, limits: Limits) -> None:
        self._depth = limits.depth
        self._schema = BodySchema(function.body, SCHEMAS) if function.body is not None else None

    def check(self, request: Request, body: bytes) -> Json:
        """The body's value. Raises UnsupportedMediaType, InvalidJson and InvalidRequest."""
        value = json_of(request, body, self._depth)
        if self._schema:
            self._schema.check(value)
        return value


def _built_in(
    function: Function, make_context: Callable[[str], CallContext], origins: Origins, limits: Limits
) -> Endpoint:
    kind = rest_protocol.Operation if function.kind == "lambda" else BuiltInEndpoint
    return kind(function, make_context, origins, limits)


class BuiltInEndpoint:
    """A handler of ours: the origin and the body of a request are checked before it is called."""

    def __init__(
        self, function: Function, make_context: Callable[[str], CallContext], origins: Origins, limits: Limits
    ) -> None:
        self.limit: int = getattr(limits, function.body_limit)
        self._origins = origins
        self._changes = function.changes
        self._body = BodyCheck(function, limits) if function.kind == "api" else None
        self._handler = import_module(function.imported_as).handler
        self._make_context = make_context

    def answer(self, request: Request, event: dict[str, Json], body: bytes) -> Response:
        self._origins.check(request, self._changes)
        if self._body:
            value = self._body.check(request, body)
            if body:
                event["body"] = JsonText(event["body"], value)
        context = self._make_context(event["requestContext"]["requestId"])
        return response_of(self._handler(event, context))


class UserEndpoint:
    """A user's own handler: it fails as it would behind API Gateway. Without a BODY it gets every body as it came."""

    def __init__(
        self, function: Function, invoker: Invoker | InProcessInvoker, limits: Limits, waiting: WaitingLimit
    ) -> None:
        self.limit: int = getattr(limits, function.body_limit)
        self._body = BodyCheck(function, limits) if function.body is not None else None
        self._function = function
        self._target = files.target(function)
        self._invoker = invoker
        self._waiting = waiting

    def answer(self, request: Request, event: dict[str, Json], body: bytes) -> Response:
        if self._body:
            self._body.check(request, body)
        request_id = event["requestContext"]["requestId"]
        call = Invocation(self._target, jsontext.write(event), request_id, request_id, USERS_TIMEOUT_SECONDS)
        with self._waiting.place(TooManyRequests()):
            outcome = self._invoker.run(call)
        if outcome.error in _TIMED_OUT:
            log.warning("%s timed out (request %s)", self._function.path, request_id)
            return json_response(503, {"message": "Service Unavailable"})
        try:
            return response_of(_result(outcome))
        except (MalformedResponse, jsontext.NotJson) as fault:
            log.warning("%s failed (request %s): %s", self._function.path, request_id, fault)
            return json_response(500, {"message": "Internal Server Error"})


def _result(outcome: Outcome) -> Json:
    if outcome.result is None:
        raise MalformedResponse(f"{outcome.error}: {outcome.cause}")
    return jsontext.read(outcome.result)


def _error_of(fault: Exception, request: Request, request_id: str) -> StepwellError:
    name = f"{request.method} {request.target!r:.200}"
    return error_of(fault, log, name, request_id, outage=Unavailable(), failed=StepwellError())
