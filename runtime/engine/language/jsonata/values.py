"""The values of JSONata expressions: their limits, and their JSON text."""

from __future__ import annotations

import itertools
import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from jsonata import Functions, JException, Utils  # type: ignore[import-untyped]

from stepwell.runtime.engine.language.budget import characters

Value = Any
"""JSON in which null is NULL, and functions. None is undefined."""

NULL = Utils.NULL_VALUE
LARGEST = 873_782
"""How many values one value may hold in all: AWS's bound of a sequence."""
LONGEST_STRING = 6_990_256
LONGEST_RANGE = 360_145
_CONTAINERS_PER_STEP = 4
_MEMBERS_PER_STEP = 64
_MEMBERS_LOOKED_AT_PER_STEP = 8
_EXACT = 1 << 63
_SHOWN = 200
_PIECES = 4096
"""How many pieces of a text are joined at a time. A piece takes more memory than its characters."""
_CONTAINERS = (dict, list)
_WHOLE = 1e21
"""JavaScript writes whole numbers from here on with an exponent."""


class Refused(Exception):
    """An expression is refused with a message that is not the language's own and has no code."""


class Unsupported(Exception):
    """The value of an expression is or holds a function: JSON has none."""


class OutOfMemory(Refused):
    """Expression evaluation memory limit exceeded: Check for excessive memory usage"""

    def __str__(self) -> str:
        return str(type(self).__doc__)


def check_length(length: float) -> None:
    """Refuse a string of more characters than one may have. Raises OutOfMemory."""
    if length > LONGEST_STRING:
        raise OutOfMemory


def rounded(number: float) -> float:
    """The number as JSON will have it: a whole one is an int while a float is exact, one beyond 64 bits a float."""
    if isinstance(number, int):
        return number if -_EXACT <= number < _EXACT else float(number)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_function(value: Value) -> bool:
    return bool(Utils.is_function(value) or Functions.is_lambda(value) or Functions.is_regex(value))


def call(function: Value, *arguments: Value) -> Value:
    """Call a function that was given as an argument."""
    return Functions.func_apply(function, list(arguments))


def marked(value: Value, charge: Callable[[int], None]) -> Value:
    """The same JSON with NULL for null, which makes null and undefined differ. Parts without null are not copied.

    ``charge`` is called with elements, before they are looked at.
    """
    if value is None:
        return NULL
    if isinstance(value, dict):
        charge(1 + (len(value) >> 3))
        inner = {name: marked(one, charge) for name, one in value.items() if one is None or type(one) in _CONTAINERS}
        return {**value, **inner} if any(one is not value[name] for name, one in inner.items()) else value
    if isinstance(value, list):
        charge(1 + (len(value) >> 3))
        items = [marked(one, charge) if one is None or type(one) in _CONTAINERS else one for one in value]
        return items if any(map(operator.is_not, items, value)) else value
    return value


def matched(match: Any) -> Value:
    """The argument of a function that replaces a match of a regular expression."""
    return {"match": match[0], "start": match.start(), "end": match.end(), "groups": list(match.groups())}


def elements_of(value: Value) -> int:
    """The elements that making this value costs, without the values inside it."""
    if isinstance(value, str):
        return characters(value)
    return 4 + (len(value) >> (3 if isinstance(value, list) else 0)) if isinstance(value, list | dict) else 0


def weighing(value: Value) -> int:
    """The number of steps that looking at the size of a whole value costs. Raises OutOfMemory when it is too large."""
    containers, members = _counted(value)
    return containers // _CONTAINERS_PER_STEP + members // _MEMBERS_PER_STEP


def looked_at(value: Value) -> int:
    """The number of steps that work on each member of a whole value costs. Raises OutOfMemory when it is too large."""
    containers, members = _counted(value) if isinstance(value, list | dict) else (0, 0)
    return containers // _CONTAINERS_PER_STEP + members // _MEMBERS_LOOKED_AT_PER_STEP


def _counted(value: Value) -> tuple[int, int]:
    """How many lists and objects a value has, and how many members they have in all. Raises OutOfMemory.

    A part that occurs twice counts twice: an expression can double a value forty times without using more memory.
    """
    waiting, containers, members, characters = [value], 0, 0, 0
    while waiting:
        one = waiting.pop()
        inner = one.values() if isinstance(one, dict) else one
        containers += 1
        members += len(inner)
        for member in inner:
            if isinstance(member, str):
                characters += len(member)
            elif isinstance(member, list | dict):
                waiting.append(member)
        if members > LARGEST or characters > LONGEST_STRING:
            raise OutOfMemory
    return containers, members


def string(value: Value, pretty: Value) -> Value:
    """``$string``: the JSON text of a value. Raises JException, OutOfMemory."""
    if isinstance(value, Utils.JList) and value.outer_wrapper:
        value = value[0]
    if value is None or isinstance(value, str):
        return value
    if is_function(value):
        return ""
    if is_number(value) and not math.isfinite(value):
        raise JException("D3001", -1, value)
    pieces, texts, length = _written(value, "\n" if pretty is True else ""), [], 0
    while text := "".join(itertools.islice(pieces, _PIECES)):
        length += len(text)
        check_length(length)
        texts.append(text)
    return "".join(texts)


def _written(value: Value, line: str) -> Iterator[str]:
    """The pieces of a JSON text, as JSON.stringify writes it.

    ``line`` begins each line of a pretty text; else it is "".
    """
    if isinstance(value, dict):
        colon = ": " if line else ":"
        members = ([_quoted(name), colon, *_written(one, line and line + "  ")] for name, one in value.items())
        yield from _enclosed("{", members, "}", line)
    elif isinstance(value, list):
        yield from _enclosed("[", (_written(one, line and line + "  ") for one in value), "]", line)
    else:
        yield _scalar(value)


def _enclosed(opening: str, members: Iterable[Iterable[str]], closing: str, line: str) -> Iterator[str]:
    yield opening
    first = True
    for member in members:
        yield (line and line + "  ") if first else "," + (line and line + "  ")
        yield from member
        first = False
    yield closing if first else line + closing


def _scalar(value: Value) -> str:
    if value is None or value is NULL:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return '""' if is_function(value) else _quoted(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def number_text(number: float) -> str:
    """The text of a number, to 15 digits, as JavaScript writes it."""
    if not math.isfinite(number):
        return "null"
    digits = float(f"{number:.15g}")
    if digits.is_integer() and abs(digits) < _WHOLE:
        return str(int(digits))
    text = repr(digits)
    if "e" not in text:
        return text
    if 1e-6 <= abs(digits) < 1:
        return format(Decimal(text), "f")
    return re.sub(r"e([+-])0+", r"e\1", text)


def shown(value: Value) -> str:
    """The first 200 characters of a value's JSON text, for messages."""
    return "".join(itertools.islice(_written(value, ""), _SHOWN))[:_SHOWN]
