"""Answers invocations as AWS Lambda does: makes a payload and a log from an outcome."""

from __future__ import annotations

import json
import math
from datetime import datetime

from stepwell.functions.contract import instant
from stepwell.functions.contract.lambda_ import Ended, LambdaCall
from stepwell.functions.errors import Unavailable
from stepwell.functions.errors.lambda_ import ServiceException
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Target

TIMED_OUT = "Sandbox.Timedout"


def ended(outcome: Outcome, target: Target, call: LambdaCall, at: datetime) -> Ended:
    """The answer to the caller. Raises ServiceException if the handler did not run to its end.

    Raises Unavailable if that is because of an outage.
    """
    if outcome.away:
        raise Unavailable()
    if outcome.not_run or outcome.killed:
        raise ServiceException(outcome.cause or "The function was stopped before it ended.")
    logs = log(outcome, target, call.request_id, at)
    if outcome.error is None:
        return Ended(outcome.result or "null", False, target.version, logs)
    return Ended(_error(outcome), True, target.version, logs)


def log(outcome: Outcome, target: Target, request_id: str, at: datetime) -> str:
    """The handler's output between the lines that Lambda writes around it. The memory used is not known here."""
    duration = outcome.seconds * 1000
    lines = [f"START RequestId: {request_id} Version: {target.version}", outcome.logs.rstrip("\n")]
    if outcome.error == TIMED_OUT:
        lines.append(f"{instant(at)} {request_id} Task timed out after {target.timeout_seconds or 0:.2f} seconds\n")
    figures = (
        f"Duration: {duration:.2f} ms",
        f"Billed Duration: {math.ceil(duration)} ms",
        f"Memory Size: {target.memory_mb} MB",
    )
    lines += [f"END RequestId: {request_id}", "\t".join((f"REPORT RequestId: {request_id}", *figures))]
    return "\n".join(line for line in lines if line) + "\n"


def _error(outcome: Outcome) -> str:
    """The error's JSON: the cause itself if it is an object, else an object made of error and cause."""
    try:
        if isinstance(json.loads(outcome.cause or ""), dict):
            return outcome.cause or ""
    except ValueError:
        pass
    return json.dumps({"errorType": outcome.error, "errorMessage": outcome.cause or ""})
