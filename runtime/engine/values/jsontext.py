"""The one strict JSON reader and the one writer.

Strict means: UTF-8, no duplicate keys, no NaN or Infinity, numbers that fit a double or a 64-bit integer, no NUL and no
lone surrogate in any string, and no deeper than the limit. The depth is counted before the text is parsed.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

Json = Any
"""What ``read`` gives: dict, list, str, int, float, bool or None."""

DEPTH = 64
# The closing quote is optional. Without that, a string that never ends would take quadratic time: the search would
# begin again at each of its quotes.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NUL = "\x00"
_UNFIT = re.compile(f"[{_NUL}\ud800-\udfff]")
_INT_LIMIT = 1 << 63
_SHOWN = 80
_LONG = 4096


class NotJson(ValueError):
    """The text is not strict JSON. The message is the reason and, where known, the line and column."""


def read(text: bytes | str, depth: int = DEPTH) -> Json:
    """The value of a JSON text. Raises NotJson."""
    if isinstance(text, bytes):
        text = _decode(text)
    if text.startswith("\ufeff"):
        raise NotJson("the text begins with a byte order mark")
    check_depth(text, depth)
    try:
        value = _DECODER.decode(text)
    except NotJson:
        raise
    except json.JSONDecodeError as fault:
        raise NotJson(f"{fault.msg} at line {fault.lineno}, column {fault.colno}") from None
    except ValueError as fault:
        raise NotJson(str(fault)) from None
    if "\\u" in text or not text.isascii():
        _check_strings(value)
    return value


def stored(text: str) -> Json:
    """The value of a text that :func:`write` has written, without checks. The caller must not change the value.

    The values of the last long texts are cached: so an inline Map does not read its list again for each item.
    """
    return _remembered(text) if len(text) > _LONG else json.loads(text)


@lru_cache(maxsize=8)
def _remembered(text: str) -> Json:
    return json.loads(text)


def write(value: Json) -> str:
    """The compact JSON text of a value. Raises NotJson for a value that is no JSON, or has strings that read() refuses.

    Depth and integers are not bounded: a value may have been wrapped in other values since it was read.
    """
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as fault:
        raise NotJson(str(fault)) from None
    if "\\u0000" in text or not text.isascii():
        _check_strings(value)
    return text


def is_longer_than(value: Json, most: int) -> bool:
    """True if the JSON text of a value has surely more than ``most`` characters. The text is not written.

    False may be wrong: only strings are counted in full, every other value as one character.
    """
    left, waiting = most, [value]
    while waiting and left >= 0:
        one = waiting.pop()
        if isinstance(one, str):
            left -= len(one)
        elif isinstance(one, dict):
            left -= sum(map(len, one)) + len(one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            left -= len(one)
            waiting.extend(one)
    return left < 0


def size(text: str) -> int:
    """The length of a text in bytes of UTF-8, the unit of every payload limit."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise NotJson(f"not UTF-8 at byte {fault.start}") from None


def check_depth(text: str, limit: int) -> None:
    """Refuse a JSON text that is nested deeper than ``limit`` levels. Raises NotJson."""
    if text.count("[") + text.count("{") <= limit:
        return
    deep = 0
    for bracket in re.findall(r"[\[{\]}]", _STRING.sub("", text)):
        deep += 1 if bracket in "[{" else -1
        if deep > limit:
            raise NotJson(f"nested deeper than {limit}")


def _pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise NotJson(f"the key {twice[:_SHOWN]!r} stands twice in one object")
    return found


def _constant(name: str) -> Json:
    raise NotJson(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NotJson(f"the number {text[:32]} is too large")
    return value


def _int(text: str) -> int:
    if len(text) > 20 or not -_INT_LIMIT <= int(text) < _INT_LIMIT:
        raise NotJson(f"the number {text[:32]} does not fit 64 bits")
    return int(text)


def _check_strings(value: Json) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            _check_string(one)
        elif isinstance(one, dict):
            waiting.extend(one.keys())
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)


def _check_string(text: str) -> None:
    if found := _UNFIT.search(text):
        raise NotJson(f"a string holds {'the character NUL' if found.group() == _NUL else 'half a surrogate pair'}")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_int, strict=True
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=True)
