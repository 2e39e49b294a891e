"""AWS's JSON 1.0 protocol: ``POST /`` with ``X-Amz-Target``, one JSON object in, one out, errors by ``__type``.

Source: AWS JSON 1.0 protocol, Smithy specification; Step Functions' target prefix is ``AWSStepFunctions``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.errors import PayloadTooLarge, StepwellError, Unauthenticated
from stepwell.functions.errors.step_functions import (
    AwsError,
    InternalFailure,
    RequestEntityTooLarge,
    SerializationException,
    ServiceUnavailable,
    UnknownOperationException,
    ValidationException,
)
from stepwell.runtime.aws import page_tokens
from stepwell.runtime.aws.model import Model, without_nulls
from stepwell.runtime.catalog.catalog import Function
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.http.access_keys import AccessKeys
from stepwell.runtime.http.body import check_length, read_body
from stepwell.runtime.http.origin import Origins
from stepwell.runtime.http.request import Request
from stepwell.runtime.http.request_errors import error_of
from stepwell.runtime.http.response import Response
from stepwell.runtime.settings import Limits

log = logging.getLogger("stepwell.aws")

TABLE = Path(__file__).with_name("stepfunctions.json")
MODEL = Model(TABLE, SerializationException, ValidationException)
PREFIX = "AWSStepFunctions."
MEDIA_TYPE = "application/x-amz-json-1.0"


class StepFunctions:
    """The protocol of Step Functions: the handler with the operation's TARGET answers it."""

    def __init__(
        self,
        targets: Mapping[str, Function],
        make_context: Callable[[str], SfnContext],
        origins: Origins,
        limits: Limits,
        keys: AccessKeys,
        clock: Callable[[], datetime],
    ) -> None:
        self._handlers = {target: import_module(one.imported_as).handler for target, one in targets.items()}
        self._make_context = make_context
        self._origins = origins
        self._limits = limits
        self._keys = keys
        self._clock = clock

    def accepts(self, request: Request) -> bool:
        """True for every POST to the root: our own root only answers GET."""
        return request.method == "POST" and request.target.partition("?")[0] in ("", "/")

    def body_limit(self, request: Request) -> int:
        """The most bytes of the body. Raises what ``answer`` raises before it reads the body."""
        self._keys.proof(request)
        self._origins.check(request)
        return check_length(request, self._limits.definition_body)

    def answer(self, request: Request, request_id: str) -> Response:
        """The response. Raises AwsError, and the errors of ``functions.errors`` that any request may meet."""
        prove = self._keys.proof(request)
        self._origins.check(request)
        target = request.headers.get("x-amz-target", "")
        handler = self._handlers.get(target)
        body = read_body(request, self._limits.definition_body)
        prove(body)
        if handler is None:
            raise UnknownOperationException(f"The operation {target[:80]!r} is not one that is known here.")
        operation, now_ms = target.removeprefix(PREFIX), round(self._clock().timestamp() * 1000)
        given = page_tokens.unseal(operation, MODEL.taken(operation, self._read(body)), now_ms)
        answer = without_nulls(handler(given, self._make_context(request_id)) or {})
        if "nextToken" in answer:
            answer["nextToken"] = page_tokens.seal(operation, given, answer["nextToken"], now_ms)
        return _response(200, answer, request_id)

    def refuse(self, fault: Exception, request: Request, request_id: str) -> Response:
        """The response to a request that failed."""
        name = f"{request.headers.get('x-amz-target', '')!r:.80}"
        found = error_of(fault, log, name, request_id, outage=ServiceUnavailable(), failed=InternalFailure())
        error = _in_words_of_aws(found)
        return _response(error.status, {"__type": error.code, "message": error.message}, request_id)

    def _read(self, body: bytes) -> Json:
        try:
            return jsontext.read(body or b"{}", self._limits.depth)
        except jsontext.NotJson as fault:
            raise SerializationException(f"The request is not JSON: {fault}.") from None


class _Unproven(AwsError):
    """The caller's identity is not proven; the code is AWS's for the reason."""

    def __init__(self, fault: Unauthenticated) -> None:
        super().__init__(fault.message)
        self.code = fault.aws_code


def _in_words_of_aws(error: StepwellError) -> StepwellError:
    """The error as AWS's API has it. One that no operation of AWS knows keeps its own code."""
    if isinstance(error, Unauthenticated):
        return _Unproven(error)
    return RequestEntityTooLarge(error.message) if isinstance(error, PayloadTooLarge) else error


def _response(status: int, value: Json, request_id: str) -> Response:
    headers = (("content-type", MEDIA_TYPE), ("x-amzn-requestid", request_id))
    return Response(status, headers, jsontext.write(value).encode())
