"""Reads the event of a step. Each reader returns the value, or raises InvalidData with the field and what was found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from stepwell.functions.contract import Context, Event, Json

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class InvalidData(ValueError):
    """A field does not hold what the step can work with."""

    def __init__(self, field: str, wanted: str, found: Json) -> None:
        shown = "nothing" if found is None else repr(found)
        super().__init__(f"{field} must be {wanted}, found {shown if len(shown) <= 80 else shown[:77] + '...'}")


def data_of(event: Event) -> Mapping[str, Json]:
    """The step's data; empty when it has none."""
    data = event.get("data")
    return {} if data is None else mapping(data, "data")


def result_of(event: Event, step: str) -> Json:
    """The result of the earlier step, or the child of a flow, with this name; None if it has none."""
    results = event.get("results") or {}
    if results.get(step) is not None:
        return results[step]
    children = event.get("children") or ()
    return next((child["result"] for child in children if child["name"] == step), None)


def input_of(event: Event, name: str) -> Json:
    """A member of the execution's input; None if it is absent, or the input is no object."""
    given = event.get("input")
    return given.get(name) if isinstance(given, Mapping) else None


def first(*values: Json) -> Json:
    """The first value that is not None."""
    return next((value for value in values if value is not None), None)


def retry_of(event: Event) -> int:
    """The number of retries before this call."""
    return int((event.get("step") or {}).get("retry", 0))


def idempotency_key_of(event: Event, context: Context | None = None) -> str | None:
    """The key that is the same on every attempt; None outside of an execution.

    A step's event has it. The ``context`` has it in state machines, too, where the definition makes the event.
    """
    key: str | None = (event.get("step") or {}).get("idempotencyKey")
    return key or (getattr(getattr(context, "client_context", None), "custom", None) or {}).get("idempotencyKey")


def mapping(value: Json, field: str, known: Collection[str] | None = None) -> Mapping[str, Json]:
    """An object. With ``known`` given, it may have no other members."""
    if not isinstance(value, Mapping):
        raise InvalidData(field, "an object", value)
    for name in value:
        if known is not None and name not in known:
            raise InvalidData(f"{field}.{name}", f"absent (known are {', '.join(sorted(known))})", value[name])
    return value


def text(value: Json, field: str, *, longest: int = 200) -> str:
    """One line of printable text, not blank. White space is collapsed, characters are composed (NFC)."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidData(field, "a text", value)
    line = unicodedata.normalize("NFC", " ".join(value.split()))
    if len(line) > longest or _CONTROL.search(line):
        raise InvalidData(field, f"one line of at most {longest} printable characters", value)
    return line


def optional_text(value: Json, field: str, *, longest: int = 200) -> str | None:
    """As ``text``, but None is allowed."""
    return None if value is None or value == "" else text(value, field, longest=longest)


def number(value: Json, field: str, *, low: float, high: float) -> float:
    """A number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidData(field, f"a number from {low:g} to {high:g}", value)
    return value


def whole(value: Any, field: str, *, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidData(field, f"a whole number from {low} to {high}", value)
    return value
