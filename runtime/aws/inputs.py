"""What each operation of Step Functions takes, and what is wrong with an input, in AWS's words.

``stepfunctions.json`` is made from AWS's own model of the API by ``python -m tests.wire.model`` (botocore, Apache-2.0).
AWS's front door speaks of a wrong JSON type as SerializationException, and of what the model's rules forbid as
ValidationException, all faults in one message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from functions.sfn._errors import SerializationException, ValidationException

Json = Any

TABLE = Path(__file__).with_name("stepfunctions.json")
_FOUND = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
_TARGETS = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "boolean": "a Boolean",
}


@cache
def table() -> Mapping[str, Any]:
    """``operations``: the name of each one's input shape; ``shapes``: their members and rules."""
    return json.loads(TABLE.read_text())


def check(operation: str, given: Json) -> dict[str, Json]:
    """An operation's input without what its shape does not know. Raises SerializationException, ValidationException."""
    shape = table()["shapes"][table()["operations"][operation]]
    known = _typed(given, shape)
    faults = list(_faults(known, shape, ""))
    if faults:
        some = "error" if len(faults) == 1 else "errors"
        raise ValidationException(f"{len(faults)} validation {some} detected: {'; '.join(faults)}")
    return known


def _shape(name: str) -> Mapping[str, Any]:
    return table()["shapes"][name]


def _typed(value: Json, shape: Mapping[str, Any]) -> Json:
    """The value without nulls and unknown members, as AWS reads it. Raises SerializationException."""
    kind = shape["type"]
    if kind == "structure":
        if not isinstance(value, dict):
            raise SerializationException(_unexpected(value) or "Unexpected value type in payload")
        members = {name: shape["members"][name] for name in value if name in shape["members"]}
        return {name: _typed(value[name], _shape(of)) for name, of in members.items() if value[name] is not None}
    if kind == "list":
        if not isinstance(value, list):
            raise SerializationException(_unexpected(value) or "Expected list or null")
        return [_typed(one, _shape(shape["member"])) for one in value]
    return _scalar(value, kind)


def _scalar(value: Json, kind: str) -> Json:
    if not _is(value, kind):
        found = "TRUE_VALUE" if value is True else "FALSE_VALUE" if value is False else _FOUND.get(type(value))
        said = _unexpected(value) or f"{found} can not be converted to {_TARGETS[kind]}"
        raise SerializationException(said)
    return value


def _is(value: Json, kind: str) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    return isinstance(value, {"string": str, "float": int | float}.get(kind, int))


def _unexpected(value: Json) -> str | None:
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    return "Start of list found where not expected" if isinstance(value, list) else None


def _faults(value: Json, shape: Mapping[str, Any], path: str) -> Iterator[str]:
    kind = shape["type"]
    if kind == "structure":
        yield from _structure_faults(value, shape, path)
        return
    if kind == "list":
        yield from _size_faults(len(value), "length", shape, _said(value, shape), path)
        for index, one in enumerate(value, start=1):
            yield from _faults(one, _shape(shape["member"]), f"{path}.{index}.member")
        return
    if kind == "string":
        yield from _text_faults(value, shape, path)
    elif kind != "boolean":
        yield from _size_faults(value, "value", shape, _said(value, shape), path)


def _structure_faults(value: Json, shape: Mapping[str, Any], path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in shape["required"]:
        if name not in value:
            yield f"Value null at '{prefix}{name}' failed to satisfy constraint: Member must not be null"
    for name, one in value.items():
        yield from _faults(one, _shape(shape["members"][name]), f"{prefix}{name}")


def _text_faults(value: str, shape: Mapping[str, Any], path: str) -> Iterator[str]:
    said = _said(value, shape)
    yield from _size_faults(len(value), "length", shape, said, path)
    if value not in shape.get("enum", [value]):
        allowed = ", ".join(shape["enum"])
        yield _fault(said, path, f"Member must satisfy enum value set: [{allowed}]")
    pattern = shape.get("pattern")
    if pattern is not None and not _pattern(pattern).fullmatch(value):
        yield _fault(said, path, f"Member must satisfy regular expression pattern: {pattern}")


def _size_faults(size: float, what: str, shape: Mapping[str, Any], said: str, path: str) -> Iterator[str]:
    if size < shape.get("min", size):
        yield _fault(said, path, f"Member must have {what} greater than or equal to {shape['min']}")
    if size > shape.get("max", size):
        yield _fault(said, path, f"Member must have {what} less than or equal to {shape['max']}")


def _said(value: Json, shape: Mapping[str, Any]) -> str:
    """A value as a message repeats it: not at all what is sensitive."""
    return "" if shape.get("sensitive") else f" '{value}'"


def _fault(said: str, path: str, constraint: str) -> str:
    return f"Value{said} at '{path}' failed to satisfy constraint: {constraint}"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text.replace(r"\p{ASCII}", r"[\x00-\x7f]"))
