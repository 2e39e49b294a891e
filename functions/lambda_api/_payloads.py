"""Reads the payload of an invocation, within Lambda's limits.

Source: Lambda developer guide, "Lambda quotas": 6 MB for a synchronous request, 1 MB for an event.
"""

from __future__ import annotations

import json

from stepwell.functions.errors.lambda_ import InvalidRequestContentException, RequestTooLargeException

MOST_BYTES = {"RequestResponse": 6_291_456, "DryRun": 6_291_456, "Event": 1 << 20}


def read(sent: bytes, kind: str) -> str:
    """The event's JSON text. Raises RequestTooLargeException, InvalidRequestContentException."""
    limit = MOST_BYTES[kind]
    if len(sent) > limit:
        size = f"{len(sent)} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
        raise RequestTooLargeException(size)
    try:
        text = sent.decode()
        json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as fault:
        raise InvalidRequestContentException(f"Could not parse request body into json: {fault}") from None
    return text


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
