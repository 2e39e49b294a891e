"""The contract of every handler: ``handler(event, context)``.

A *step handler* gets a step event and Lambda's own :class:`Context`, nothing of ours: it runs on AWS Lambda as it is.
An *API handler* gets an event of API Gateway's HTTP API (payload 2.0) and an ``ApiContext`` (``rest.py``), its only way
to the world. The handlers of AWS's operations get the operation's input and the contexts of ``step_functions.py`` and
``lambda_.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from stepwell.functions.errors import InvalidRequest

Json = Any
"""What ``json.loads`` gives: dict, list, str, int, float, bool or None."""

Event = Mapping[str, Any]
Response = dict[str, Any]
Row = TypeVar("Row")

_MOST_DIGITS = 18


class Context(Protocol):
    """AWS Lambda's context object, as a step handler sees it."""

    aws_request_id: str
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    invoked_function_arn: str
    log_group_name: str
    log_stream_name: str
    client_context: Any
    """None, or an object with ``custom``, which has ``idempotencyKey`` where a state of an execution calls."""

    def get_remaining_time_in_millis(self) -> int:
        """The time this invocation may still run, in milliseconds, never below 0."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a listing; ``next`` is the cursor of the page after it, or None on the last."""

    items: Sequence[Row]
    next: str | None = None


def page_of(
    rows: Sequence[Any], limit: int, key: Callable[[Any], Any], view: Callable[[Any], Any] | None = None
) -> Page[Any]:
    """A page of the first ``limit`` rows. If there are more rows, its cursor is the key of the last row shown."""
    shown = rows[:limit]
    following = str(key(shown[-1])) if len(rows) > limit else None
    return Page(list(shown) if view is None else [view(row) for row in shown], following)


def instant(at: datetime) -> str:
    """A time as all our answers write it, in UTC with milliseconds: ``2026-11-24T04:30:00.123Z`` (ISO 8601)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reply(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer in API Gateway's response form."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **(headers or {})},
        "body": json.dumps(body, ensure_ascii=False, allow_nan=False),
    }


class JsonText(str):
    """A JSON text together with its value, so that it is parsed once. As a string it is the text and nothing else."""

    value: Json

    def __new__(cls, text: str, value: Json) -> JsonText:
        made = super().__new__(cls, text)
        made.value = value
        return made


def body_of(event: Event) -> Json:
    """The request's JSON body, or None without one. The gateway has checked already that it is JSON."""
    body = event.get("body")
    if isinstance(body, JsonText):
        return body.value
    return json.loads(body) if body else None


def path_of(event: Event, name: str) -> str:
    """A path parameter, URL-decoded."""
    return str(event["pathParameters"][name])


def query_of(event: Event) -> Mapping[str, str]:
    """The query parameters, URL-decoded; empty when there are none."""
    return event.get("queryStringParameters") or {}


def word_of(event: Event, name: str, words: Sequence[str]) -> str | None:
    """A query parameter that must be one of these words; None when it is absent. Raises InvalidRequest."""
    word = query_of(event).get(name)
    if word is not None and word not in words:
        raise InvalidRequest(f"{name} must be one of {', '.join(words)}.", path=name)
    return word


def number_of(event: Event, name: str, *, lowest: int = 0, highest: int = (1 << 53) - 1, default: int = 0) -> int:
    """A query parameter that must be a whole number between two bounds. Raises InvalidRequest."""
    text = query_of(event).get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS and lowest <= int(text) <= highest):
        raise InvalidRequest(f"{name} must be a whole number from {lowest} to {highest}.", path=name)
    return int(text)
