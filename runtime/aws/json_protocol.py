"""AWS's JSON 1.0 protocol: ``POST /`` with ``X-Amz-Target``, one JSON object in, one out, errors by ``__type``.

Source: AWS JSON 1.0 protocol, Smithy specification; Step Functions' target prefix is ``AWSStepFunctions``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.errors import PayloadTooLarge, StepwellError, Unauthenticated
from stepwell.functions.errors.step_functions import (
    AwsError,
    InternalFailure,
    RequestEntityTooLarge,
    SerializationException,
    ServiceUnavailable,
    UnknownOperationException,
)
from stepwell.runtime.aws import inputs, page_tokens
from stepwell.runtime.catalog.catalog import Function
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.http.access_keys import Guard
from stepwell.runtime.http.body import drain, read_body
from stepwell.runtime.http.origin import Origins
from stepwell.runtime.http.request import Request
from stepwell.runtime.http.response import Response
from stepwell.runtime.outage import is_away
from stepwell.runtime.settings import Limits

Json = Any

log = logging.getLogger("stepwell.aws")

PREFIX = "AWSStepFunctions."
MEDIA_TYPE = "application/x-amz-json-1.0"


class StepFunctions:
    """Answers Step Functions' operations, each by the handler whose TARGET it is."""

    def __init__(
        self,
        targets: Mapping[str, Function],
        make_context: Callable[[str], Any],
        origins: Origins,
        limits: Limits,
        guard: Guard,
    ) -> None:
        self._handlers = {target: import_module(one.imported_as).handler for target, one in targets.items()}
        self._make_context: Callable[[str], SfnContext] = make_context
        self._origins = origins
        self._limits = limits
        self._guard = guard

    def is_asked(self, request: Request) -> bool:
        """Whether this is a request in AWS's JSON protocol; our own root answers to GET alone."""
        return request.method == "POST" and request.target.partition("?")[0] in ("", "/")

    def answer(self, request: Request, request_id: str, at: datetime) -> Response:
        """The response, whatever happens; it names the request's id as AWS does."""
        try:
            status, value = 200, self._answer(request, request_id, round(at.timestamp() * 1000))
        except Exception as fault:
            error = _told(fault, request, request_id)
            status, value = error.status, {"__type": error.code, "message": error.message}
            drain(request)
        headers = (("content-type", MEDIA_TYPE), ("x-amzn-requestid", request_id), ("x-request-id", request_id))
        return Response(status, headers, jsontext.write(value).encode())

    def _answer(self, request: Request, request_id: str, now_ms: int) -> Json:
        prove = self._guard.proof(request)
        self._origins.check(request)
        target = request.headers.get("x-amz-target", "")
        handler = self._handlers.get(target)
        body = read_body(request, self._limits.definition_body)
        prove(body)
        if handler is None:
            raise UnknownOperationException(f"The operation {target[:80]!r} is not one that is known here.")
        operation = target.removeprefix(PREFIX)
        given = page_tokens.unseal(operation, inputs.check(operation, self._read(body)), now_ms)
        answer = _without_nulls(handler(given, self._make_context(request_id)) or {})
        if "nextToken" in answer:
            answer["nextToken"] = page_tokens.seal(operation, given, answer["nextToken"], now_ms)
        return answer

    def _read(self, body: bytes) -> Json:
        try:
            return jsontext.read(body or b"{}", self._limits.depth)
        except jsontext.NotJson as fault:
            raise SerializationException(f"The request is not JSON: {fault}.") from None


class _Unproven(AwsError):
    """Who asks could not be told; the code is AWS's for the reason."""

    def __init__(self, fault: Unauthenticated) -> None:
        super().__init__(fault.message)
        self.code = fault.aws_code


def _without_nulls(value: Json) -> Json:
    """On the wire what is not there is absent, never null."""
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def _told(fault: Exception, request: Request, request_id: str) -> StepwellError:
    """What the caller is told of a fault; what is our own fault goes to the log, whole."""
    target = request.headers.get("x-amz-target", "")
    if is_away(fault):
        log.warning("%.80r: the database is away (request %s): %s", target, request_id, fault)
        return ServiceUnavailable()
    if isinstance(fault, Unauthenticated):
        return _Unproven(fault)
    if isinstance(fault, PayloadTooLarge):
        return RequestEntityTooLarge(fault.message)
    if isinstance(fault, AwsError) or (isinstance(fault, StepwellError) and fault.status != StepwellError.status):
        return fault
    log.error("%.80r failed (request %s)", target, request_id, exc_info=fault)
    return InternalFailure()
