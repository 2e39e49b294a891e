"""AWS's REST-JSON protocol, as Lambda speaks it.

An operation is a method and a dated path. Its members are spread over path, query, headers and body. The header
``x-amzn-ErrorType`` names the error.

Source: AWS restJson1 protocol, Smithy specification. ``lambda.json`` has the place of each member.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from stepwell.functions.contract import Json
from stepwell.functions.contract.lambda_ import LambdaContext
from stepwell.functions.errors import NotFound, PayloadTooLarge, StepwellError, Unauthenticated, Unavailable
from stepwell.functions.errors.lambda_ import (
    LambdaError,
    RequestTooLargeException,
    SerializationException,
    ServiceException,
    ServiceUnavailableException,
    UnknownOperationException,
    ValidationException,
)
from stepwell.runtime.aws.model import Model, without_nulls
from stepwell.runtime.catalog.catalog import Function
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.http.origin import Origins
from stepwell.runtime.http.request import Request, RequestTarget
from stepwell.runtime.http.response import Response
from stepwell.runtime.settings import Limits

MODEL = Model(Path(__file__).with_name("lambda.json"), SerializationException, ValidationException)
_TRUTHS = {"true": True, "false": False}


def segments_of(location: RequestTarget) -> tuple[str, ...]:
    """The segments to route. Older clients of this protocol append a slash, which means nothing."""
    segments = location.segments
    return segments[:-1] if location.is_dated and segments[-1] == "" else segments


class Operation:
    """An operation of Lambda. The handler in the file of its name answers it."""

    def __init__(
        self, function: Function, make_context: Callable[[str], LambdaContext], origins: Origins, limits: Limits
    ) -> None:
        self.limit: int = getattr(limits, function.body_limit)
        self._name = operation_of(function.name)
        self._table = MODEL.operation(self._name)
        self._handler = import_module(function.imported_as).handler
        self._make_context = make_context
        self._origins = origins
        self._depth = limits.depth

    def answer(self, request: Request, event: Mapping[str, Json], body: bytes) -> Response:
        """The response. Raises LambdaError, and the errors of ``functions.errors`` that any request may meet."""
        self._origins.check(request)
        given = MODEL.taken(self._name, self._members(event, body))
        result = self._handler(given, self._make_context(event["requestContext"]["requestId"])) or {}
        return response_of(self._table, result)

    def _members(self, event: Mapping[str, Json], body: bytes) -> dict[str, Json]:
        payload = self._table.get("payload")
        found = {payload: body} if payload else self._body(body)
        sources = {
            "uri": event.get("pathParameters", {}),
            "querystring": event.get("queryStringParameters", {}),
            "header": event["headers"],
        }
        for member, (location, name, kind) in self._table["locations"].items():
            text = sources[location].get(name)
            if text is None:
                found.pop(member, None)
            else:
                found[member] = _value(text, kind)
        return found

    def _body(self, body: bytes) -> Json:
        try:
            found = jsontext.read(body or b"{}", self._depth)
        except jsontext.NotJson as fault:
            raise SerializationException(f"Could not parse request body into json: {fault}") from None
        if not isinstance(found, dict):
            raise SerializationException("Unexpected value type in payload")
        return found


def operation_of(handler: str) -> str:
    """The operation of a handler, by its name: ``CreateFunction`` for ``create_function``."""
    return "".join(word.capitalize() for word in handler.split("_"))


def response_of(table: Mapping[str, Json], result: Mapping[str, Json]) -> Response:
    """The response for an operation's result. Members that are None are absent on the wire, never null."""
    left = without_nulls(result)
    status = left.pop(table.get("answers_status"), table["status"])
    headers = [(name, left.pop(member)) for member, name in table["answers_headers"].items() if member in left]
    payload = table.get("answers_payload")
    body = left.pop(payload, b"") if payload else jsontext.write(left).encode()
    if status == 204:
        return Response(status, tuple(headers), b"")
    return Response(status, (("content-type", "application/json"), *headers), body)


def error_response(fault: StepwellError) -> Response:
    """An error in this protocol's form."""
    error = _in_words_of_aws(fault)
    headers = (("content-type", "application/json"), ("x-amzn-errortype", error.code), *error.headers.items())
    return Response(error.status, headers, jsontext.write(error.body).encode())


def _in_words_of_aws(fault: StepwellError) -> LambdaError:
    """The error as Lambda's API has it."""
    if isinstance(fault, LambdaError):
        return fault
    if isinstance(fault, Unauthenticated):
        return _Foreign(fault, fault.aws_code, 403)
    if isinstance(fault, Unavailable):
        return ServiceUnavailableException()
    if isinstance(fault, PayloadTooLarge):
        return RequestTooLargeException(fault.message)
    if isinstance(fault, NotFound):
        return UnknownOperationException()
    if fault.status == StepwellError.status:
        return ServiceException()
    return _Foreign(fault)


class _Foreign(LambdaError):
    """An error that no operation of AWS knows. It keeps its own status and code, unless others are given."""

    def __init__(self, fault: StepwellError, code: str | None = None, status: int | None = None) -> None:
        super().__init__(fault.message)
        self.code, self.status, self._headers = code or fault.code, status or fault.status, fault.headers

    @property
    def headers(self) -> dict[str, str]:
        return self._headers


def _value(text: str, kind: str) -> Json:
    """A member's value, read from the text in a path, a query or a header. Raises SerializationException."""
    if kind in ("integer", "long"):
        if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
            raise SerializationException("STRING_VALUE can not be converted to an Integer")
        return int(text)
    if kind == "boolean":
        if text not in _TRUTHS:
            raise SerializationException("STRING_VALUE can not be converted to a Boolean")
        return _TRUTHS[text]
    return text.split(",") if kind == "list" else text
