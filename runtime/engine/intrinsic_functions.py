"""The 18 intrinsic functions, as a closed table of name -> function.

Sources: AWS's developer guide, "Intrinsic functions for JSONPath states"; the Amazon States Language specification,
appendix "Intrinsic Functions". Where both are silent, what AWS was seen to do, in the recordings of LocalStack's tests
(`tests/aws/services/stepfunctions/v2/intrinsic_functions`): marked "seen" below.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.engine import jsontext
from runtime.engine.chance import Chance, between, java_fraction

Json = Any

MOST_CHARACTERS = 10_000
"""How long a text may be that is hashed, encoded or decoded."""

MOST_ELEMENTS = 1000
"""How many elements States.ArrayRange may make."""

LARGEST = 256 << 10
"""How large a value may be that is written as text, and how long a text that is made: a payload's own limit."""

PLACE = re.compile(r"\\(['\\{}])|\{\}")
"""An escape of States.Format's template, or a place in it."""

_WHOLE = range(-(1 << 63), 1 << 63)
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class IntrinsicFault(ValueError):
    """An intrinsic function was called with what it cannot take."""


@dataclass(frozen=True)
class Intrinsic:
    """A function, and how many arguments it takes; ``most`` is None for any number.

    One that ``draws`` is given a Chance before them.
    """

    apply: Callable[..., Json]
    least: int
    most: int | None
    draws: bool = False


def _format(template: Json, *values: Json) -> str:
    """The template with each ``{}`` filled in."""
    text = _text(template, "the template")
    places = sum(match.group() == "{}" for match in PLACE.finditer(text))
    if places != len(values):
        raise IntrinsicFault(f"{places} places for {len(values)} values")
    texts = iter(_spelled_out(values, LARGEST - len(text)))
    return PLACE.sub(lambda match: next(texts) if match.group() == "{}" else match.group(1), text)


def _spelled_out(values: tuple[Json, ...], left: int) -> list[str]:
    texts = []
    for value in values:
        texts.append("".join(_shown(_small(value))))
        left -= len(texts[-1])
        if left < 0:
            raise IntrinsicFault(f"the result has more than {LARGEST} characters")
    return texts


def _shown(value: Json) -> Iterator[str]:
    """A value as AWS formats it, which is Java's way: ``{name=[a, null]}`` (seen)."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield ", " if at else "["
            yield from _shown(one)
        yield "]" if value else "[]"
    elif isinstance(value, dict):
        for at, (name, one) in enumerate(value.items()):
            yield f"{', ' if at else '{'}{name}="
            yield from _shown(one)
        yield "}" if value else "{}"
    else:
        yield jsontext.write(value)


def _string_to_json(value: Json) -> Json:
    """The value a text stands for; null for an empty one (seen)."""
    text = _text(value, "the argument")
    return _read(text) if text.strip() else None


def _json_to_string(value: Json) -> str:
    return _written(_small(value))


def _array(*values: Json) -> list[Json]:
    return list(values)


def _array_partition(array: Json, size: Json) -> list[Json]:
    elements, step = _list(array), _whole(size, "the chunk size")
    if step < 1:
        raise IntrinsicFault("the chunk size must be a positive number")
    return [elements[at : at + step] for at in range(0, len(elements), step)]


def _array_contains(array: Json, value: Json) -> bool:
    sought = _key(_small(value))
    return any(_key(one) == sought for one in _small(_list(array)))


def _array_range(first: Json, last: Json, step: Json) -> list[Json]:
    start, end, by = _whole(first, "the first element"), _whole(last, "the last element"), _whole(step, "the increment")
    if by == 0:
        raise IntrinsicFault("the increment must not be 0")
    if abs(end - start) // abs(by) >= MOST_ELEMENTS:
        raise IntrinsicFault(f"the array would have more than {MOST_ELEMENTS} elements")
    return list(range(start, end + (1 if by > 0 else -1), by))


def _array_get_item(array: Json, index: Json) -> Json:
    elements, at = _list(array), _whole(index, "the index")
    if not 0 <= at < len(elements):
        raise IntrinsicFault(f"the index {at} is out of bounds of an array of {len(elements)}")
    return elements[at]


def _array_length(array: Json) -> int:
    return len(_list(array))


def _array_unique(array: Json) -> list[Json]:
    """Each element once, where it stands first."""
    return list({_key(one): one for one in reversed(_small(_list(array)))}.values())[::-1]


def _base64_encode(value: Json) -> str:
    return base64.b64encode(_bytes(value)).decode("ascii")


def _base64_decode(value: Json) -> str:
    """The text behind a Base64 text, in which other characters are skipped, as MIME has it."""
    try:
        text = base64.b64decode(_bytes(value)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise IntrinsicFault("the argument is not Base64 of a text") from None
    _written(text)
    return text


def _hash(value: Json, algorithm: Json) -> str:
    if not isinstance(algorithm, str) or algorithm not in _HASHES:
        raise IntrinsicFault(f"the algorithm must be one of {', '.join(_HASHES)}")
    return hashlib.new(_HASHES[algorithm], _bytes(value), usedforsecurity=False).hexdigest()


def _json_merge(first: Json, second: Json, deep: Json) -> Json:
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise IntrinsicFault("both values must be objects")
    if deep is not False:
        raise IntrinsicFault("the third argument must be false: only shallow merging exists")
    return {**first, **second}


def _math_random(chance: Chance, first: Json, last: Json, *seed: Json) -> int:
    """A number from the first up to, and not including, the last; with a seed always the same one."""
    start, end = _whole(first, "the start"), _whole(last, "the end")
    if start >= end:
        raise IntrinsicFault("the end must be greater than the start")
    return between(start, end, java_fraction(_whole(seed[0], "the seed")) if seed else chance.fraction())


def _math_add(first: Json, second: Json) -> int:
    """The sum; each number is rounded before (seen)."""
    total = _whole(first, "the first number") + _whole(second, "the second number")
    return _whole(total, "the sum")


def _string_split(value: Json, splitter: Json) -> list[Json]:
    """What stands between any of the splitter's characters; nothing empty among it (seen)."""
    text, characters = _text(value, "the string"), _text(splitter, "the splitter")
    parts = re.split("[" + re.escape(characters) + "]", text) if characters else [text]
    return [part for part in parts if part]


def _uuid(chance: Chance) -> str:
    return chance.uuid()


def _text(value: Json, what: str) -> str:
    if not isinstance(value, str):
        raise IntrinsicFault(f"{what} must be a string")
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise IntrinsicFault("the first argument must be an array")
    return value


def _whole(value: Json, what: str) -> int:
    """A number rounded to the nearest whole one, and up when it lies between two: Java's way (seen)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise IntrinsicFault(f"{what} must be a number")
    floor = math.floor(value)
    whole = floor if value - floor < 0.5 else floor + 1
    if whole not in _WHOLE:
        raise IntrinsicFault(f"{what} does not fit 64 bits")
    return whole


def _bytes(value: Json) -> bytes:
    text = _text(value, "the argument")
    if len(text) > MOST_CHARACTERS:
        raise IntrinsicFault(f"the argument has more than {MOST_CHARACTERS} characters")
    return text.encode("utf-8")


def _small(value: Json) -> Json:
    """The value, if it can be written as text: paths may select the same large part very often."""
    left, waiting = LARGEST, [value]
    while waiting and left >= 0:
        one = waiting.pop()
        left -= 1
        if isinstance(one, str):
            left -= len(one)
        elif isinstance(one, dict):
            left -= sum(map(len, one))
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    if left < 0:
        raise IntrinsicFault(f"an argument has more than {LARGEST} bytes")
    return value


def _key(value: Json) -> str:
    """The same text for equal values, whatever the order of their members; 1, 1.0 and true differ, as in Java."""
    return json.dumps(value, sort_keys=True)


def _read(text: str) -> Json:
    try:
        return jsontext.read(text)
    except jsontext.NotJson as fault:
        raise IntrinsicFault(str(fault)) from None


def _written(value: Json) -> str:
    try:
        return jsontext.write(value)
    except jsontext.NotJson as fault:
        raise IntrinsicFault(str(fault)) from None


FUNCTIONS: Mapping[str, Intrinsic] = {
    "States.Array": Intrinsic(_array, 0, None),
    "States.ArrayContains": Intrinsic(_array_contains, 2, 2),
    "States.ArrayGetItem": Intrinsic(_array_get_item, 2, 2),
    "States.ArrayLength": Intrinsic(_array_length, 1, 1),
    "States.ArrayPartition": Intrinsic(_array_partition, 2, 2),
    "States.ArrayRange": Intrinsic(_array_range, 3, 3),
    "States.ArrayUnique": Intrinsic(_array_unique, 1, 1),
    "States.Base64Decode": Intrinsic(_base64_decode, 1, 1),
    "States.Base64Encode": Intrinsic(_base64_encode, 1, 1),
    "States.Format": Intrinsic(_format, 1, None),
    "States.Hash": Intrinsic(_hash, 2, 2),
    "States.JsonMerge": Intrinsic(_json_merge, 3, 3),
    "States.JsonToString": Intrinsic(_json_to_string, 1, 1),
    "States.MathAdd": Intrinsic(_math_add, 2, 2),
    "States.MathRandom": Intrinsic(_math_random, 2, 3, draws=True),
    "States.StringSplit": Intrinsic(_string_split, 2, 2),
    "States.StringToJson": Intrinsic(_string_to_json, 1, 1),
    "States.UUID": Intrinsic(_uuid, 0, 0, draws=True),
}
