"""Runs one step handler and says what became of it in Step Functions' words: a result, or an Error and a Cause."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.invoke.concurrency import Seats, SeatsUnknown
from stepwell.runtime.sandbox import invocation
from stepwell.runtime.sandbox.invocation import CAUSE_CHARS, ERROR_CHARS
from stepwell.runtime.sandbox.pool import Call, Ending, How, Pool
from stepwell.runtime.sandbox.process import describe_exit
from stepwell.runtime.sandbox.spawner import Place
from stepwell.runtime.settings import IMPORT_ROOT, Settings

Json = Any


@dataclass(frozen=True)
class Target:
    """A function: its name, its file, the dotted name it is imported under, its own time limit if it has one.

    ``qualifier`` is the version or alias that it is called by; ``place`` is where it runs, if not under a known root.
    """

    name: str
    path: Path
    module: str
    timeout_seconds: float | None = None
    handler: str = "handler"
    version: str = "$LATEST"
    qualifier: str | None = None
    memory_mb: int = 128
    place: Place | None = None
    reserved: int | None = None
    """How many of its invocations run at a time, in all processes together; None for any number."""


@dataclass(frozen=True)
class Terms:
    """What a caller on AWS Lambda's own terms gives besides the event, and gets: results of Lambda's size."""

    client_context: Json = None


@dataclass(frozen=True)
class Outcome:
    """What became of an invocation: ``result`` (JSON text), or ``error`` and ``cause``, or ``killed`` from outside."""

    result: str | None = None
    error: str | None = None
    cause: str | None = None
    logs: str = ""
    seconds: float = 0.0
    killed: bool = False
    not_run: bool = False
    """The handler was not even called: no process could be started for it."""
    throttled: bool = False
    """The handler was not called: as many of its invocations as are reserved for it run already."""

    @property
    def ok(self) -> bool:
        return self.result is not None


class Invoker:
    """Runs handlers in the sandbox: one that hangs, leaks or dies costs its own attempt only. Any thread may use it."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._seats = Seats(settings.lease_seconds, settings.heartbeat_seconds)

    @classmethod
    def from_settings(cls, settings: Settings) -> Invoker:
        """An invoker with a pool of its own, which ``close`` ends."""
        roots = (IMPORT_ROOT, *settings.function_paths)
        invoker = cls(Pool(settings.child_environment(), roots, settings.limits.logs), settings)
        invoker.keep_warm(settings.workers)
        return invoker

    def keep_warm(self, slots: int) -> None:
        """Let as many children wait for work as so many worker slots may have used, whatever they ran."""
        self._pool.keep_idle(slots)

    def run(
        self,
        target: Target,
        event_json: str,
        *,
        timeout_seconds: float | None,
        key: str,
        request_id: str,
        terms: Terms | None = None,
    ) -> Outcome:
        """Run a handler to its end. ``timeout_seconds`` is what is left of the state's own limit, if it has one.

        Without ``terms`` a state machine calls: the bounds of its payloads hold.
        """
        limit, overdue = _limit(target, timeout_seconds, request_id, self._settings)
        if limit <= 0:
            return overdue
        context = lambda_context(target, request_id, terms)
        call = Call(target.module, target.path, event_json, context, target.handler, target.place)
        try:
            with self._seats.seat(target.name, target.reserved) as is_free:
                if not is_free:
                    return Outcome(error="Lambda.TooManyRequestsException", cause="Rate Exceeded.", throttled=True)
                ending = self._pool.call(call, key=key, timeout_seconds=limit)
        except (OSError, SeatsUnknown) as fault:
            cause = f"No process could be started: {fault}"
            return Outcome(error="Lambda.ServiceException", cause=cause, not_run=True)
        outcome = self._outcome(ending, overdue, Reading(target, request_id, self._settings.limits.payload, terms))
        return replace(outcome, logs=ending.logs, seconds=ending.seconds)

    def kill(self, key: str) -> bool:
        """Stop what runs under this key: its outcome is ``killed``. Says whether anything did."""
        return self._pool.kill(key)

    def close(self) -> None:
        """Stop whatever runs, and run nothing more."""
        self._pool.close()
        self._seats.close()

    def _outcome(self, ending: Ending, overdue: Outcome, reading: Reading) -> Outcome:
        match ending.how:
            case How.ANSWERED:
                return read_answer(ending.answer or {}, reading)
            case How.EXITED:
                return exited(reading.request_id, ending.exit)
            case How.OVERDUE:
                return overdue
            case How.KILLED:
                return Outcome(killed=True)


class InProcessInvoker:
    """Runs handlers in this very process, for unit tests: the same outcomes, but no time-out and no protection.

    What a handler prints is caught by replacing ``sys.stdout`` meanwhile, so one invocation at a time.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()

    def run(
        self,
        target: Target,
        event_json: str,
        *,
        timeout_seconds: float | None,
        key: str,
        request_id: str,
        terms: Terms | None = None,
    ) -> Outcome:
        """Run a handler to its end. The limits are told to it, and not enforced."""
        limit, _ = _limit(target, timeout_seconds, request_id, self._settings)
        context = {**lambda_context(target, request_id, terms), "log_stream_name": "", "remaining_ms": limit * 1000}
        request = {"module": target.module, "path": str(target.path), "handler": target.handler, "event": event_json}
        started, output = time.monotonic(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), _imported_anew(target.module):
            outcome = self._perform({**request, "context": context}, target, request_id, terms)
        return replace(outcome, logs=output.getvalue(), seconds=time.monotonic() - started)

    def kill(self, key: str) -> bool:
        """Nothing can be stopped here."""
        return False

    def close(self) -> None:
        """Nothing is kept here."""

    def _perform(self, request: Mapping[str, Any], target: Target, request_id: str, terms: Terms | None) -> Outcome:
        try:
            answer = invocation.perform(invocation.Functions(invocation.SourceWatch(())), request)
        except SystemExit as fault:
            return exited(request_id, describe_exit(invocation.exit_status(fault.code)))
        return read_answer(answer, Reading(target, request_id, self._settings.limits.payload, terms))


@dataclass(frozen=True)
class Reading:
    """What an answer is read by: whose it is, on whose terms, and how large a state machine's payload may be."""

    target: Target
    request_id: str
    payload_limit: int
    terms: Terms | None = None

    def is_too_large(self, text: str) -> bool:
        limit = self.payload_limit if self.terms is None else invocation.RESULT_BYTES
        return jsontext.size(text) > limit


def lambda_context(target: Target, request_id: str, terms: Terms | None = None) -> dict[str, Json]:
    """What Lambda's context object says of an invocation, but for what only the process that runs it knows."""
    return {
        "aws_request_id": request_id,
        "function_name": target.name,
        "function_version": target.version,
        "memory_limit_in_mb": str(target.memory_mb),
        "invoked_function_arn": arns.function(target.name, target.qualifier),
        "log_group_name": f"/aws/lambda/{target.name}",
        "client_context": None if terms is None else terms.client_context,
    }


def read_answer(answer: Mapping[str, Any], reading: Reading) -> Outcome:
    """The outcome that a child's answer stands for; nothing in the answer is trusted."""
    result, error = answer.get("result"), answer.get("error")
    if isinstance(result, str):
        return _read_result(result, reading)
    if isinstance(error, Mapping):
        return _failed(error)
    return _too_large(reading) if "oversize" in answer else exited(reading.request_id, None)


def exited(request_id: str, how: str | None) -> Outcome:
    """The handler's process ended, ``how`` in Lambda's words; Lambda gives no reason for a status of 0."""
    end = f"exited with error: {how}" if how else "exited without providing a reason"
    return _service_error("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime {end}")


def _limit(target: Target, state_seconds: float | None, request_id: str, settings: Settings) -> tuple[float, Outcome]:
    """How long the handler may run, and the outcome when it runs longer: whose limit it is makes the error."""
    own = target.timeout_seconds or settings.function_timeout_seconds
    if state_seconds is not None and state_seconds <= own:
        return state_seconds, Outcome(error="States.Timeout")
    message = f"RequestId: {request_id} Error: Task timed out after {own:.2f} seconds"
    return own, _service_error("Sandbox.Timedout", message)


def _read_result(text: str, reading: Reading) -> Outcome:
    if reading.is_too_large(text):
        return _too_large(reading)
    try:
        jsontext.read(text)
    except jsontext.NotJson as fault:
        message = f"Unable to marshal response: {fault}"
        kind = "Runtime.MarshalError"
        identity = reading.request_id
        return _failed({"errorMessage": message, "errorType": kind, "requestId": identity, "stackTrace": []})
    return Outcome(result=text)


def _too_large(reading: Reading) -> Outcome:
    if reading.terms is not None:
        limit = f"maximum allowed payload size ({invocation.RESULT_BYTES} bytes)"
        return _service_error("Function.ResponseSizeTooLarge", f"Response payload size exceeded {limit}.")
    cause = (
        f"The state/task '{reading.target.name}' returned a result with a size exceeding the maximum number of bytes"
    )
    return Outcome(error="States.DataLimitExceeded", cause=f"{cause} service limit.")


def _failed(error: Mapping[str, Any]) -> Outcome:
    payload = json.dumps(error, ensure_ascii=False)
    if kind := error.get("errorType"):
        cause = payload if len(payload) <= CAUSE_CHARS else payload[:CAUSE_CHARS].rstrip("}")  # a cut object looks cut
        return Outcome(error=str(kind)[:ERROR_CHARS], cause=cause)
    cause = "The cause could not be determined because Lambda did not return an error type. Returned payload: "
    return Outcome(error="Lambda.Unknown", cause=(cause + payload)[:CAUSE_CHARS])


def _service_error(kind: str, message: str) -> Outcome:
    """An error that Lambda reports about a function which can no longer speak for itself."""
    cause = json.dumps({"errorType": kind, "errorMessage": message}, ensure_ascii=False, separators=(",", ":"))
    return Outcome(error=kind, cause=cause)


@contextmanager
def _imported_anew(module: str) -> Iterator[None]:
    """Import from the source, and forget it afterwards unless it was there before: the name may become another's."""
    known, writes_no_code = module in sys.modules, sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_no_code
        if not known:
            sys.modules.pop(module, None)
