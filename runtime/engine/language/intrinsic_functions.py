"""The 18 intrinsic functions, as a closed table of name -> function.

Sources: AWS's developer guide, "Intrinsic functions for JSONPath states"; the Amazon States Language specification,
appendix "Intrinsic Functions". Where neither covers a case, or AWS differs from them, AWS's recorded behaviour counts,
marked "seen": the recordings of LocalStack's tests (`tests/aws/services/stepfunctions/v2/intrinsic_functions`) and
those of gabrielmoreira/tiny-asl-machine (`tests/conformance/cases`). AWS runs Java, so much here is Java's behaviour.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stepwell.runtime.engine.language import java_text
from stepwell.runtime.engine.language.budget import characters, parsed, whole
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.dice import Dice
from stepwell.runtime.engine.values.jsontext import Json

MOST_CHARACTERS = 10_000
"""The longest text that is hashed, encoded or decoded."""

MOST_ELEMENTS = 1000
"""How many elements States.ArrayRange may make."""

LARGEST = 256 << 10
"""The largest value that is written as text, and the longest text that is made: a payload's own limit."""

_SHORT = 63
_PLACE = re.compile(r"\\(['\\{}])|(\{\})|([{}])")
"""In States.Format's template: an escape, a place for a value, or an unmatched brace."""
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
_URL_SAFE = str.maketrans("-_", "+/")

_INT = range(-(1 << 31), 1 << 31)
_LONG = range(-(1 << 63), 1 << 63)
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class IntrinsicFault(ValueError):
    """A function cannot use its arguments. The message is empty unless AWS's own is known."""


@dataclass(frozen=True)
class Intrinsic:
    """A function and its numbers of arguments; ``most`` is None for any number.

    A function that ``draws`` takes Dice before its arguments. One that ``reads`` looks at all that is inside them.
    """

    apply: Callable[..., Json]
    least: int
    most: int | None
    draws: bool = False
    reads: bool = False
    of_text: Callable[[str], int] = characters
    """The elements that a long text costs among the arguments."""

    def cost(self, values: Sequence[Json]) -> int:
        """The elements that a call with these values takes: those that it looks at, and those that it makes."""
        cost = 0
        for one in values:
            if isinstance(one, str):
                cost += self.of_text(one) if len(one) > _SHORT else 0
            elif isinstance(one, list | dict):
                cost += whole(one) if self.reads else len(one)
        return cost


def _format(template: Json, *values: Json) -> str:
    """The template with each ``{}`` filled in."""
    text = _text(template)
    places = list(_PLACE.finditer(text))
    for found in places:
        if brace := found[3]:
            other = "}" if brace == "{" else "{"
            raise IntrinsicFault(f"Invalid template in States.Format: matching '{other}' not found for '{brace}'.")
    if sum(found[2] is not None for found in places) != len(values):
        raise IntrinsicFault
    texts = iter(_spelled_out(values, LARGEST - len(text)))
    return _PLACE.sub(lambda found: found[1] or next(texts), text)


def _spelled_out(values: tuple[Json, ...], left: int) -> list[str]:
    texts = []
    for value in values:
        texts.append(_shown(value))
        left -= len(texts[-1])
        if left < 0:
            raise IntrinsicFault
    return texts


def _shown(value: Json) -> str:
    """A value as AWS formats it, like Java: ``{name=[a, null]}`` (seen)."""
    return "".join(_pieces(_small(value)))


def _pieces(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield ", " if at else "["
            yield from _pieces(one)
        yield "]" if value else "[]"
    elif isinstance(value, dict):
        for at, (name, one) in enumerate(value.items()):
            yield f"{', ' if at else '{'}{name}="
            yield from _pieces(one)
        yield "}" if value else "{}"
    elif value is None or isinstance(value, bool):
        yield jsontext.write(value)
    else:
        yield java_text.text_of(value)


def _string_to_json(value: Json) -> Json:
    """The value of a JSON text; null for an empty text (seen)."""
    text = _text(value)
    try:
        return jsontext.read(text) if text.strip() else None
    except jsontext.NotJson as fault:
        raise IntrinsicFault(f"Cannot convert String to Json in States.StringToJson, caused by: {fault}") from None


def _json_to_string(value: Json) -> str:
    return _written(_small(value))


def _array(*values: Json) -> list[Json]:
    return list(values)


def _array_partition(array: Json, size: Json) -> list[Json]:
    elements, step = _list(array), _cut(size)
    if step < 1:
        raise IntrinsicFault
    return [elements[at : at + step] for at in range(0, len(elements), step)]


def _array_contains(array: Json, value: Json) -> bool:
    """True if an element has the same text as the value: ``"1"`` equals 1, and the order of members counts (seen)."""
    sought = _shown(value)
    return any(_shown(one) == sought for one in _small(_list(array)))


def _array_range(first: Json, last: Json, step: Json) -> list[Json]:
    start, end, by = _cut(first), _cut(last), _cut(step)
    if by == 0 or abs(end - start) // abs(by) >= MOST_ELEMENTS:
        raise IntrinsicFault
    return list(range(start, end + (1 if by > 0 else -1), by))


def _array_get_item(array: Json, index: Json) -> Json:
    """The element; null for an empty array (seen)."""
    elements, at = _list(array), _cut(index)
    if elements and not 0 <= at < len(elements):
        raise IntrinsicFault
    return elements[at] if elements else None


def _array_length(array: Json) -> int:
    return len(_list(array))


def _array_unique(array: Json) -> list[Json]:
    """Each element once, in the order of Java's HashSet (seen)."""
    found: dict[str, Json] = {}
    for one in _small(_list(array)):
        found.setdefault(_key(one), one)
    return java_text.set_order(list(found.values()), len(array))


def _base64_encode(value: Json) -> str:
    return base64.b64encode(_encoded(_text(value))).decode("ascii")


def _base64_decode(value: Json) -> str:
    """The decoded text, up to the padding. Other characters are skipped, even the last one (seen).

    Bytes that are no UTF-8 become U+FFFD.
    """
    given = _encoded(_text(value)).decode("utf-8").partition("=")[0]
    digits = _NOT_BASE64.sub("", given.translate(_URL_SAFE))
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    text = base64.b64decode(digits + "=" * (-len(digits) % 4)).decode("utf-8", "replace")
    _written(text)
    return text


def _hash(value: Json, algorithm: Json) -> str:
    """The digest of a text. Any other value is hashed in the form of States.Format (seen)."""
    if not isinstance(algorithm, str) or algorithm not in _HASHES:
        raise IntrinsicFault
    return hashlib.new(_HASHES[algorithm], _encoded(_shown(value)), usedforsecurity=False).hexdigest()


def _json_merge(first: Json, second: Json, deep: Json) -> Json:
    """The members of both. The third argument must not be true: there is no deep merge (seen)."""
    if not isinstance(first, dict) or not isinstance(second, dict) or deep is True:
        raise IntrinsicFault
    return {**first, **second}


def _math_random(dice: Dice, first: Json, last: Json, *seed: Json) -> int:
    """A random number from ``first`` up to, not including, ``last``. With a seed it is Java's (seen)."""
    start, end = _cut(first), _cut(last)
    if start >= end:
        raise IntrinsicFault
    return java_text.next_int(_cut(seed[0], _LONG) if seed else dice.bits(48), start, end)


def _math_add(first: Json, second: Json) -> int:
    """The sum of the rounded numbers (seen)."""
    return _fitting(_rounded(first) + _rounded(second))


def _string_split(value: Json, splitter: Json) -> list[Json]:
    """The parts between any of the splitter's characters, without empty ones (seen)."""
    text, characters = _text(value), _text(splitter)
    parts = re.split("[" + re.escape(characters) + "]", text) if characters else [text]
    return [part for part in parts if part]


def _uuid(dice: Dice) -> str:
    return dice.uuid()


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise IntrinsicFault
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise IntrinsicFault
    return value


def _number(value: Json) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise IntrinsicFault
    return value


def _cut(value: Json, span: range = _INT) -> int:
    """A number without its fraction (seen, although the guide calls for rounding)."""
    return _fitting(math.trunc(_number(value)), span)


def _rounded(value: Json) -> int:
    """A number rounded to the nearest integer, halves up, as in Java (seen)."""
    number = _number(value)
    floor = math.floor(number)
    return _fitting(floor if number - floor < 0.5 else floor + 1)


def _fitting(whole: int, span: range = _INT) -> int:
    if whole not in span:
        raise IntrinsicFault
    return whole


def _encoded(text: str) -> bytes:
    if len(text) > MOST_CHARACTERS:
        raise IntrinsicFault
    return text.encode("utf-8")


def _small(value: Json) -> Json:
    """The value, if its text is short enough.

    Paths may select the same large part many times. Raises IntrinsicFault.
    """
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
        raise IntrinsicFault
    return value


def _key(value: Json) -> str:
    """A text that equal values share, in any order of members. 1, 1.0 and true differ, as in Java."""
    return json.dumps(value, sort_keys=True)


def _written(value: Json) -> str:
    try:
        return jsontext.write(value)
    except jsontext.NotJson:
        raise IntrinsicFault from None


FUNCTIONS: Mapping[str, Intrinsic] = {
    "States.Array": Intrinsic(_array, 0, None),
    "States.ArrayContains": Intrinsic(_array_contains, 2, 2, reads=True),
    "States.ArrayGetItem": Intrinsic(_array_get_item, 2, 2),
    "States.ArrayLength": Intrinsic(_array_length, 1, 1),
    "States.ArrayPartition": Intrinsic(_array_partition, 2, 2),
    "States.ArrayRange": Intrinsic(_array_range, 3, 3),
    "States.ArrayUnique": Intrinsic(_array_unique, 1, 1, reads=True),
    "States.Base64Decode": Intrinsic(_base64_decode, 1, 1),
    "States.Base64Encode": Intrinsic(_base64_encode, 1, 1),
    "States.Format": Intrinsic(_format, 1, None, reads=True),
    "States.Hash": Intrinsic(_hash, 2, 2, reads=True),
    "States.JsonMerge": Intrinsic(_json_merge, 3, 3),
    "States.JsonToString": Intrinsic(_json_to_string, 1, 1, reads=True),
    "States.MathAdd": Intrinsic(_math_add, 2, 2),
    "States.MathRandom": Intrinsic(_math_random, 2, 3, draws=True),
    "States.StringSplit": Intrinsic(_string_split, 2, 2, of_text=len),
    "States.StringToJson": Intrinsic(_string_to_json, 1, 1, of_text=parsed),
    "States.UUID": Intrinsic(_uuid, 0, 0, draws=True),
}
