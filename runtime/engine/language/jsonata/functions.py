"""The functions of JSONata that jsonata-python lacks, or has with other results than jsonata.js.

There are two kinds: the six that Step Functions adds ($partition, $range, $hash, $random, $uuid, $parse), and those of
the language with other results, errors or bounds than the reference. None is undefined, NULL is null.
Sources: the Step Functions guide, "JSONata functions provided by Step Functions"; jsonata.js 2.0.6, which AWS runs.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonata import Functions, JException, Jsonata, Utils  # type: ignore[import-untyped]

from stepwell.runtime.engine.language import java_text
from stepwell.runtime.engine.language.budget import parsed
from stepwell.runtime.engine.language.jsonata import pictures
from stepwell.runtime.engine.language.jsonata.values import (
    LARGEST,
    LONGEST_RANGE,
    OutOfMemory,
    Refused,
    Value,
    call,
    check_length,
    elements_of,
    is_function,
    is_number,
    marked,
    matched,
    rounded,
    shown,
    string,
)
from stepwell.runtime.engine.values import jsontext

ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BASED = re.compile(r"0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+")
_PIECE = 100
"""The bytes of memory that urllib takes for each part of an encoded text."""
_BASIC = "\uffff"
_REFERENCE = re.compile(r"\$(\$|0|[1-9][0-9]*)")


# --- what Step Functions adds ---------------------------------------------------------------------------------------


def partition(array: Value, size: Value) -> Value:
    width = _whole(size)
    if not array or not width:
        return None
    if width < 0:
        raise Refused("$partition: the chunk size must not be negative")
    _charge(4 * (len(array) // width))
    return [list(array[start : start + width]) for start in range(0, len(array), width)]


def range_(start: Value, end: Value, step: Value) -> Value:
    first, last, stride = _whole(start), _whole(end), _whole(step)
    if first is None or last is None or not stride:
        return None
    if (last - first) // stride >= LONGEST_RANGE:
        raise OutOfMemory
    _charge((last - first) // stride >> 1)
    numbers = range(first, last + (1 if stride > 0 else -1), stride)
    return Utils.create_sequence_from_iter(numbers) if numbers else None


def hash_(text: Value, algorithm: Value) -> Value:
    if text is None or algorithm is None:
        return None
    if algorithm not in ALGORITHMS:
        raise Refused(f"$hash: there is no algorithm {shown(algorithm)}. Known: {', '.join(ALGORITHMS)}")
    return hashlib.new(ALGORITHMS[algorithm], text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def random(seed: Value) -> Value:
    return Jsonata.CURRENT.jsonata.dice.fraction() if seed is None else java_text.fraction(int(seed))


def uuid() -> Value:
    return Jsonata.CURRENT.jsonata.dice.uuid()


def parse(text: Value) -> Value:
    if text is None:
        return None
    _charge(parsed(text))
    try:
        return marked(jsontext.read(text), _charge)
    except jsontext.NotJson as fault:
        raise Refused(f"$parse: {fault}") from None


def _whole(number: Value) -> int | None:
    return None if number is None else int(number)


# --- numbers --------------------------------------------------------------------------------------------------------


def number(value: Value) -> Value:
    if isinstance(value, bool):
        return int(value)
    if value is None or is_number(value):
        return value
    if isinstance(value, str) and _BASED.fullmatch(value):
        return int(value, 0)
    if isinstance(value, str) and _NUMBER.fullmatch(value) and math.isfinite(float(value)):
        return float(value) if re.search("[.eE]", value) else rounded(int(value))
    raise JException("D3030", -1, value)


def power(base: Value, exponent: Value) -> Value:
    if base is None or exponent is None:
        return None
    try:
        result = float(base) ** float(exponent)
    except (OverflowError, ZeroDivisionError):
        result = math.inf
    if isinstance(result, complex) or not math.isfinite(result):
        raise JException("D3061", -1, base, exponent)
    return result


# --- strings --------------------------------------------------------------------------------------------------------


def lowercase(text: Value) -> Value:
    return None if text is None else text.lower()


def pad(text: Value, width: Value, filling: Value) -> Value:
    if text is None or width is None:
        return text
    filling = filling or " "
    check_length(abs(width) * (2 if max(filling) > _BASIC else 1))  # of UTF-16, in which the reference counts
    count = max(abs(int(width)) - len(text), 0)
    _charge(count >> (6 if filling.isascii() else 4))
    padding = filling * (count // len(filling)) + filling[: count % len(filling)]
    return text + padding if width > 0 else padding + text


def join(texts: Value, separator: Value) -> Value:
    if texts is None:
        return None
    check_length(sum(map(len, texts)) + len(separator or "") * len(texts))
    return (separator or "").join(texts)


def split(text: Value, separator: Value, limit: Value) -> Value:
    if text is None:
        return None
    if limit is not None and limit < 0:
        raise JException("D3020", -1, limit)
    if isinstance(separator, str):
        count = text.count(separator) if separator else len(text)
        if count > LARGEST:
            raise OutOfMemory
        _charge(count + elements_of(text) if separator else count >> 3)
        pieces = text.split(separator) if separator else list(text)
    else:
        pieces = list(_between(text, separator))
    return pieces if limit is None else pieces[: math.floor(limit) if isinstance(separator, str) else math.ceil(limit)]


def _between(text: str, pattern: Value) -> Iterator[str]:
    end = 0
    for match in pattern.finditer(text):
        yield text[end : match.start()]
        end = match.end()
    yield text[end:]


def replace(text: Value, pattern: Value, replacement: Value, limit: Value) -> Value:
    if text is None:
        return None
    if pattern == "":
        raise JException("D3010", -1, pattern)
    if limit is not None and limit < 0:
        raise JException("D3011", -1, limit)
    most = len(text) + 1 if limit is None else math.ceil(limit)
    if isinstance(pattern, str) and isinstance(replacement, str):
        check_length(len(text) + text.count(pattern) * len(replacement))
        return text.replace(pattern, replacement, most)
    if isinstance(pattern, str):
        raise JException("D3012", -1, replacement)
    return _replaced(text, pattern, replacement, most)


def _replaced(text: str, pattern: Value, replacement: Value, most: int) -> str:
    pieces, end, length = [], 0, len(text)
    for count, match in enumerate(pattern.finditer(text)):
        if count >= most:
            break
        new = _expanded(replacement, match) if isinstance(replacement, str) else call(replacement, matched(match))
        if not isinstance(new, str):
            raise JException("D3012", -1, new)
        length += len(new)
        check_length(length)
        pieces += [text[end : match.start()], new]
        end = match.end()
    return "".join([*pieces, text[end:]])


def _expanded(replacement: str, match: Any) -> str:
    """The replacement with values for $0, $1 ... A number takes no more digits than make the number of a group."""
    groups = match.groups()

    def filled(reference: re.Match[str]) -> str:
        digits = reference[1]
        if digits in ("$", "0"):
            return "$" if digits == "$" else str(match[0])
        taken = digits[: len(str(len(groups))) if groups else 1]
        if len(taken) > 1 and int(taken) > len(groups):
            taken = taken[:-1]
        group = groups[int(taken) - 1] if int(taken) <= len(groups) else ""
        return (group or "") + digits[len(taken) :]

    return _REFERENCE.sub(filled, replacement)


def base64decode(text: Value) -> Value:
    try:
        return None if text is None else base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise Refused("$base64decode: the string is not the Base64 of a text") from None


def encode_url_component(text: Value) -> Value:
    return _encoded(text, Functions.encode_url_component)


def encode_url(text: Value) -> Value:
    return _encoded(text, Functions.encode_url)


def _encoded(text: Value, encode: Callable[[str], str]) -> Value:
    if text is None:
        return None
    check_length(len(text) * (3 if text.isascii() else 9))  # what a character takes at most, in the Basic plane
    return encode(text)


def decode_url_component(text: Value) -> Value:
    return _decoded("decodeUrlComponent", text, Functions.decode_url_component)


def decode_url(text: Value) -> Value:
    return _decoded("decodeUrl", text, Functions.decode_url)


def _decoded(name: str, text: Value, decode: Callable[[str], str]) -> Value:
    if text is None:
        return None
    check_length(len(text) + text.count("%") * _PIECE)
    try:
        urllib.parse.unquote(text, errors="strict")
        return decode(text)
    except UnicodeDecodeError:
        raise JException("D3140", -1, name, text) from None


# --- arrays and objects ---------------------------------------------------------------------------------------------


def spread(value: Value) -> Value:
    if not isinstance(value, dict | list):
        return value
    return Utils.create_sequence_from_iter(_counted(_spread(value), 4))


def _spread(value: Value) -> Iterator[Value]:
    if isinstance(value, dict):
        yield from ({name: one} for name, one in value.items())
        return
    for item in value:
        yield from _spread(item) if isinstance(item, dict | list) else [item]


def zip_(*lists: Value) -> Value:
    length = min((len(one) for one in lists if one is not None), default=0)
    if length * len(lists) > LARGEST:
        raise OutOfMemory
    _charge(length * (4 + (len(lists) >> 3)))
    return Functions.zip(*lists)


def distinct(values: Value) -> Value:
    if not isinstance(values, list) or len(values) <= 1:
        return values
    first: dict[Value, Value] = {}
    for one in values:
        first.setdefault(_identity(one), one)
    return Utils.create_sequence_from_iter(first.values()) if Utils.is_sequence(values) else list(first.values())


def _identity(value: Value) -> Value:
    """A hashable value that two values share exactly when they are equal."""
    if isinstance(value, dict):
        return ("o", frozenset((name, _identity(one)) for name, one in value.items()))
    if isinstance(value, list):
        return ("a", *map(_identity, value))
    return (isinstance(value, bool), value) if isinstance(value, int | float | str) else ("x", id(value))


def sort(values: Value, comparator: Value) -> Value:
    if values is None or comparator is not None:
        return Functions.sort(values, comparator)
    if not (all(map(is_number, values)) or all(isinstance(one, str) for one in values)):
        raise JException("D3070", -1)
    return sorted(values)


def shuffle(values: Value) -> Value:
    if values is None:
        return None
    mixed, dice = list(values), Jsonata.CURRENT.jsonata.dice
    for last in range(len(mixed) - 1, 0, -1):
        other = math.floor(dice.fraction() * (last + 1))
        mixed[last], mixed[other] = mixed[other], mixed[last]
    return mixed


def type_(value: Value) -> Value:
    return "function" if is_function(value) else Functions.type(value)


FUNCTIONS: Mapping[str, tuple[str, Callable[..., Value]]] = {
    "partition": ("<an:a>", partition),
    "range": ("<nnn?:a>", range_),
    "hash": ("<ss?:s>", hash_),
    "random": ("<n?:n>", random),
    "uuid": ("<:s>", uuid),
    "parse": ("<s:x>", parse),
    "string": ("<x-b?:s>", string),
    "number": ("<(nsb)-:n>", number),
    "power": ("<n-n:n>", power),
    "lowercase": ("<s-:s>", lowercase),
    "pad": ("<s-ns?:s>", pad),
    "join": ("<a<s>s?:s>", join),
    "split": ("<s-(sf)n?:a<s>>", split),
    "replace": ("<s-(sf)(sf)n?:s>", replace),
    "base64decode": ("<s-:s>", base64decode),
    "encodeUrlComponent": ("<s-:s>", encode_url_component),
    "encodeUrl": ("<s-:s>", encode_url),
    "decodeUrlComponent": ("<s-:s>", decode_url_component),
    "decodeUrl": ("<s-:s>", decode_url),
    "spread": ("<x-:a<o>>", spread),
    "distinct": ("<x:x>", distinct),
    "sort": ("<af?:a>", sort),
    "shuffle": ("<a:a>", shuffle),
    "type": ("<x:s>", type_),
    "zip": ("<a+>", zip_),
    **pictures.FUNCTIONS,
}
"""By name: signature and function. They replace the library's own of the same name."""

DEEP = frozenset({"string", "distinct", "merge", "keys", "lookup", "boolean", "not", "spread", "clone"})
"""The functions that look at more than the members of their arguments."""


def _charge(elements: int) -> None:
    """Charge the move for values before they are made. Raises BudgetExceeded."""
    Jsonata.CURRENT.jsonata.budget.element(elements)


def _counted(values: Iterator[Value], elements: int) -> Iterator[Value]:
    for one in values:
        _charge(elements)
        yield one
