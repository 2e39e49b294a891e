"""Invoke: run a function and answer with its result, queue an event for it, or check that it could run."""

from __future__ import annotations

import base64
import binascii
import json

from stepwell.functions.contract import Json, function_names
from stepwell.functions.contract.lambda_ import LambdaCall, LambdaContext
from stepwell.functions.errors.lambda_ import InvalidRequestContentException
from stepwell.functions.lambda_api import _payloads

ROUTE = "POST /2015-03-31/functions/{FunctionName}/invocations"
BODY_LIMIT = "invoke_body"
LOG_BYTES = 4096
"""How much of the end of the log ``LogType=Tail`` shows."""


def handler(given: Json, context: LambdaContext) -> Json:
    function = function_names.reference(given)
    kind = given.get("InvocationType", "RequestResponse")
    call = LambdaCall(_payloads.read(given.get("Payload") or b"{}", kind), context.request_id, _client_context(given))
    if kind == "DryRun":
        context.lambdas.get(function)
        return {"StatusCode": 204}
    if kind == "Event":
        context.lambda_events.send(function, call)
        return {"StatusCode": 202}
    ended = context.lambdas.invoke(function, call)
    return {
        "StatusCode": 200,
        "ExecutedVersion": ended.version,
        "FunctionError": "Unhandled" if ended.failed else None,
        "LogResult": _tail(ended.logs) if given.get("LogType") == "Tail" else None,
        "Payload": ended.payload.encode(),
    }


def _client_context(given: Json) -> Json:
    """The client context of a mobile application. Raises InvalidRequestContentException."""
    sent = given.get("ClientContext")
    if sent is None:
        return None
    try:
        found = json.loads(base64.b64decode(sent, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
    return found


def _tail(logs: str) -> str:
    return base64.b64encode(logs.encode()[-LOG_BYTES:]).decode()
