"""The functions of JSONata that go by a picture, such as ``#,##0.00`` or ``[Y]-[M01]``.

The library makes regular expressions of pictures and texts of the widths that they name, without bounds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from types import SimpleNamespace
from typing import Any

import regex  # type: ignore[import-untyped]
from jsonata import Functions, JException, Jsonata, datetimeutils  # type: ignore[import-untyped]

from stepwell.runtime.engine.language.jsonata.regex import bounded
from stepwell.runtime.engine.language.jsonata.values import Refused, Value

LONGEST = 1000
"""Characters of a picture, and of a text that is read by one."""
_ISO = re.compile(
    r"\d{4}(?:-[01]\d(?:-[0-3]\d(?:T[0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:[+-][0-2]\d:?[0-5]\d|Z)?)?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDE = re.compile(r",[^\]]*[0-9]{4}")
_LITERAL = re.compile(r"(\[\[|\]\]|\[[^\]]*\])|([.*+?^${}()|\\])")
_TEXTS = frozenset({"infinity", "NaN"})
"""The options of $formatNumber that may have more than one character."""


class _Pattern:
    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._pattern = regex.compile(pattern, regex.IGNORECASE if flags & re.IGNORECASE else 0)

    def search(self, text: str) -> Any:
        return bounded(self._pattern.search, text)


# The library reads times by regular expressions that it makes of pictures: two numbers side by side can take for ever.
datetimeutils.re = SimpleNamespace(
    compile=lambda pattern, flags=0: _Pattern(pattern, flags) if flags else re.compile(pattern),
    split=re.split,
    sub=re.sub,
    IGNORECASE=re.IGNORECASE,
)


def format_number(value: Value, picture: Value, options: Value) -> Value:
    if value is None:
        return None
    _check(picture)
    for name, one in (options or {}).items():
        if name not in _TEXTS and not (isinstance(one, str) and len(one) == 1):
            raise Refused(f"$formatNumber: the option {str(name)[:40]!r} must be one character")
    return Functions.format_number(_to_picture(value, picture), picture, options)


def _to_picture(value: float, picture: str) -> Decimal:
    """The number rounded to the digits that its picture shows, halves to even, like the reference."""
    exact = Decimal(repr(value))
    digits = re.sub(r"[^0#]", "", picture.split(";")[0].partition(".")[2])
    scale = 2 if "%" in picture else 3 if "‰" in picture else 0
    if "e" in picture or exact.adjusted() + len(digits) + scale > 25:
        return exact
    return exact.quantize(Decimal(1).scaleb(-len(digits) - scale), ROUND_HALF_EVEN)


def format_integer(value: Value, picture: Value) -> Value:
    _check(picture)
    return Functions.format_integer(value, picture)


def parse_integer(text: Value, picture: Value) -> Value:
    _check(picture, text)
    try:
        return Functions.parse_integer(text, picture)
    except ValueError:
        return math.nan


def to_millis(text: Value, picture: Value) -> Value:
    if text is None:
        return None
    _check(picture, text)
    if picture is not None:
        return Functions.datetime_to_millis(text, _LITERAL.sub(_escaped, picture))
    try:
        at = datetime.fromisoformat(text + {4: "-01-01", 7: "-01"}.get(len(text), "")) if _ISO.fullmatch(text) else None
    except ValueError:
        at = None
    if at is None:
        raise JException("D3110", -1, text)
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: Value, picture: Value, zone: Value) -> Value:
    _check(picture)
    return Functions.datetime_from_millis(millis, picture, zone)


def now(picture: Value, zone: Value) -> Value:
    return from_millis(Jsonata.CURRENT.jsonata.timestamp, picture, zone)


def _escaped(found: re.Match[str]) -> str:
    """A character outside of a picture's brackets, which the library would take as part of a regular expression."""
    return found[1] or "\\" + found[2]


def _check(picture: Value, text: Value = None) -> None:
    for one in (picture, text):
        if isinstance(one, str) and len(one) > LONGEST:
            raise Refused(f"a picture, and a text that is read by one, has {LONGEST} characters at most")
    if isinstance(picture, str) and _WIDE.search(picture):
        raise Refused("a picture names no width above 999")


FUNCTIONS: Mapping[str, tuple[str, Any]] = {
    "formatNumber": ("<n-so?:s>", format_number),
    "formatInteger": ("<n-s:s>", format_integer),
    "parseInteger": ("<s-s:n>", parse_integer),
    "toMillis": ("<s-s?:n>", to_millis),
    "fromMillis": ("<n-s?s?:s>", from_millis),
    "now": ("<s?s?:s>", now),
}
"""By name: signature and function."""
