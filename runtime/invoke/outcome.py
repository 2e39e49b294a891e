"""The outcome of an invocation in Step Functions' words: a result, or an Error and a Cause."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.sandbox.invocation import CAUSE_CHARS, ERROR_CHARS, RESULT_BYTES


@dataclass(frozen=True)
class Outcome:
    """The end of an invocation: ``result`` (JSON text), or ``error`` and ``cause``, or ``killed`` from outside."""

    result: str | None = None
    error: str | None = None
    cause: str | None = None
    logs: str = ""
    seconds: float = 0.0
    killed: bool = False
    not_run: bool = False
    """The handler was not even called: no process could be started for it, or an outage prevents it."""
    away: bool = False
    """The handler was not called, or nothing of ours was done, because the database cannot be reached."""
    throttled: bool = False
    """The handler was not called: all of the function's reserved concurrency is in use."""

    @property
    def ok(self) -> bool:
        return self.result is not None


AWAY = Outcome(error="Lambda.ServiceException", cause="The database cannot be reached.", not_run=True, away=True)
"""The outcome in an outage that lasts. No cause holds the words of the database's driver: they name its address."""


def read_answer(answer: Mapping[str, Json], invocation: Invocation, payload_limit: int) -> Outcome:
    """The outcome in a child's answer. The answer is not trusted. ``payload_limit`` is a state machine's, in bytes."""
    result, error = answer.get("result"), answer.get("error")
    if isinstance(result, str):
        return _read_result(result, invocation, payload_limit)
    if isinstance(error, Mapping):
        return _failed(error)
    size = answer.get("unreadable")
    if isinstance(size, int):
        return _unreadable(size, invocation, payload_limit)
    return _too_large(invocation) if "oversize" in answer else exited(invocation.request_id, None)


def exited(request_id: str, how: str | None) -> Outcome:
    """The outcome of a handler when its process has ended: ``how`` in Lambda's words, None for an exit status of 0."""
    end = f"exited with error: {how}" if how else "exited without providing a reason"
    return _service_error("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime {end}")


def time_limit(invocation: Invocation, default_seconds: float) -> tuple[float, Outcome]:
    """The seconds that the handler may run, and the outcome when it runs longer.

    The nearer of two limits counts: the state's, and the function's own (``default_seconds`` when it has none). The
    error says which one it was.
    """
    own, state = invocation.target.timeout_seconds or default_seconds, invocation.timeout_seconds
    if state is not None and state <= own:
        return state, Outcome(error="States.Timeout")
    message = f"RequestId: {invocation.request_id} Error: Task timed out after {own:.2f} seconds"
    return own, _service_error("Sandbox.Timedout", message)


def _read_result(text: str, invocation: Invocation, payload_limit: int) -> Outcome:
    if jsontext.size(text) > _most_bytes(invocation, payload_limit):
        return _too_large(invocation)
    try:
        # Read once more here: the child is not trusted, and only strict JSON may be stored.
        jsontext.read(text)
    except jsontext.NotJson as fault:
        return _no_json(str(fault), invocation)
    return Outcome(result=text)


def _unreadable(size: int, invocation: Invocation, payload_limit: int) -> Outcome:
    """The outcome of bytes that are no text. Their size is looked at first, as on AWS."""
    is_too_large = size > _most_bytes(invocation, payload_limit)
    return _too_large(invocation) if is_too_large else _no_json("its bytes are not UTF-8", invocation)


def _most_bytes(invocation: Invocation, payload_limit: int) -> int:
    return payload_limit if invocation.terms is None else RESULT_BYTES


def _no_json(why: str, invocation: Invocation) -> Outcome:
    message = f"Unable to marshal response: {why}"
    kind, identity = "Runtime.MarshalError", invocation.request_id
    return _failed({"errorMessage": message, "errorType": kind, "requestId": identity, "stackTrace": []})


def _too_large(invocation: Invocation) -> Outcome:
    if invocation.terms is not None:
        limit = f"maximum allowed payload size ({RESULT_BYTES} bytes)"
        return _service_error("Function.ResponseSizeTooLarge", f"Response payload size exceeded {limit}.")
    name = invocation.target.name
    cause = f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes"
    return Outcome(error="States.DataLimitExceeded", cause=f"{cause} service limit.")


def _failed(error: Mapping[str, Json]) -> Outcome:
    payload = json.dumps(error, ensure_ascii=False)
    if kind := error.get("errorType"):
        cause = payload if len(payload) <= CAUSE_CHARS else payload[:CAUSE_CHARS].rstrip("}")  # a cut object looks cut
        return Outcome(error=str(kind)[:ERROR_CHARS], cause=cause)
    cause = "The cause could not be determined because Lambda did not return an error type. Returned payload: "
    return Outcome(error="Lambda.Unknown", cause=(cause + payload)[:CAUSE_CHARS])


def _service_error(kind: str, message: str) -> Outcome:
    """An error that Lambda reports on behalf of a function which can no longer report it."""
    cause = json.dumps({"errorType": kind, "errorMessage": message}, ensure_ascii=False, separators=(",", ":"))
    return Outcome(error=kind, cause=cause)
