"""Reads AWS's own model of an API, and checks the inputs of its operations against it.

A module under ``tests/wire`` makes the table from the model in botocore (Apache-2.0). AWS answers a wrong JSON type
with SerializationException. It answers a breach of the model's rules with ValidationException: one message lists all
breaches, with the members' names in lower camel case.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import regex  # type: ignore[import-untyped]

from stepwell.functions.contract import Json

Shape = Mapping[str, Json]

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (str, bytes),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}
_NAMES = {"integer": "an Integer", "long": "a Long", "float": "a Float", "double": "a Double", "boolean": "a Boolean"}
_FOUND = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}


_NULL = "null"


class Mistyped(ValueError):
    """A value has another JSON type than in the model. The message is AWS's."""


class Model:
    """The operations of one API. The file of the table is read once, on first use.

    ``mistyped`` and ``forbidden`` are the API's errors for a wrong JSON type, and for a breach of the model's rules.
    """

    def __init__(self, path: Path, mistyped: type[Exception], forbidden: type[Exception]) -> None:
        self._path = path
        self._mistyped = mistyped
        self._forbidden = forbidden
        self.table: Callable[[], Mapping[str, Json]] = cache(lambda: json.loads(self._path.read_text()))

    def operation(self, name: str) -> Mapping[str, Json]:
        found: Mapping[str, Json] = self.table()["operations"][name]
        return found

    def taken(self, operation: str, given: Json) -> dict[str, Json]:
        """An operation's input without unknown members and nulls, with blobs as bytes. Raises the API's errors."""
        shape = self._shape(_input_of(self.operation(operation)))
        try:
            known: dict[str, Json] = self._typed(given, shape)
        except Mistyped as fault:
            raise self._mistyped(str(fault)) from None
        faults = list(self._faults(known, shape, ""))
        if faults:
            some = "error" if len(faults) == 1 else "errors"
            raise self._forbidden(f"{len(faults)} validation {some} detected: {'; '.join(faults)}")
        return known

    def _shape(self, name: str) -> Shape:
        found: Shape = self.table()["shapes"][name]
        return found

    def _typed(self, value: Json, shape: Shape) -> Json:
        kind = shape["type"]
        if kind == "structure":
            members = {name: self._shape(of) for name, of in shape["members"].items()}
            found = _checked(value, dict).items()
            return {name: self._typed(one, members[name]) for name, one in found if name in members and one is not None}
        if kind == "map":
            inner = self._shape(shape["value"])
            return {name: self._typed(one, inner) for name, one in _checked(value, dict).items() if one is not None}
        if kind == "list":
            inner = self._shape(shape["member"])
            return [self._typed(one, inner) for one in _checked(value, list)]
        return _scalar(value, kind)

    def _faults(self, value: Json, shape: Shape, path: str) -> Iterator[str]:
        kind = shape["type"]
        if kind == "structure":
            yield from self._structure_faults(value, shape, path)
        elif kind == "map":
            yield from self._map_faults(value, shape, path)
        elif kind == "list":
            yield from _size_faults(len(value), "length", shape, self._quoted_list(value, shape), path)
            for index, one in enumerate(value, start=1):
                yield from self._faults(one, self._shape(shape["member"]), f"{path}.{index}.member")
        elif kind == "string":
            yield from _text_faults(value, shape, path)
        elif kind in ("integer", "long", "float", "double"):
            yield from _size_faults(value, "value", shape, _quoted(value, shape), path)

    def _quoted_list(self, value: Json, shape: Shape) -> str:
        """A list as a message quotes it: its structures as Java shows objects, by their name with each member."""
        inner = self._shape(shape["member"])
        if shape.get("sensitive") or inner["type"] != "structure":
            return _quoted(value, shape)
        shown = (
            f"{shape['member']}({', '.join(f'{_camel(name)}={one.get(name, _NULL)}' for name in inner['members'])})"
            for one in value
        )
        return f" '[{', '.join(shown)}]'"

    def _structure_faults(self, value: Json, shape: Shape, path: str) -> Iterator[str]:
        prefix = f"{path}." if path else ""
        for name in shape["required"]:
            if name not in value:
                yield f"Value null at '{prefix}{_camel(name)}' failed to satisfy constraint: Member must not be null"
        for name, one in value.items():
            yield from self._faults(one, self._shape(shape["members"][name]), f"{prefix}{_camel(name)}")

    def _map_faults(self, value: Json, shape: Shape, path: str) -> Iterator[str]:
        keys, inner = self._shape(shape["key"]), self._shape(shape["value"])
        for name, one in value.items():
            if any(_text_faults(name, keys, path)):
                quoted = "" if shape.get("sensitive") or keys.get("sensitive") else f" '{{{name}}}'"
                yield _fault(quoted, path, f"Map keys must satisfy constraint: [{'; '.join(_rules(keys))}]")
            yield from self._faults(one, inner, f"{path}.{name}.member")


def without_nulls(value: Json) -> Json:
    """The value as the wire has it: a member that is None is absent there, never null."""
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def _input_of(operation: Json) -> str:
    """The name of the input's shape. In a table of an API with all members in the body it is the whole entry."""
    return operation if isinstance(operation, str) else operation["input"]


def _checked(value: Json, kind: type) -> Json:
    if not isinstance(value, kind):
        _refuse_nested(value)
        raise Mistyped("Unexpected value type in payload" if kind is dict else "Expected list or null")
    return value


def _refuse_nested(value: Json) -> None:
    if isinstance(value, dict):
        raise Mistyped("Start of structure or map found where not expected.")
    if isinstance(value, list):
        raise Mistyped("Start of list found where not expected")


def _is_of(value: Json, kind: str) -> bool:
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _scalar(value: Json, kind: str) -> Json:
    if not _is_of(value, kind):
        _refuse_nested(value)
        found = "TRUE_VALUE" if value is True else "FALSE_VALUE" if value is False else _FOUND.get(type(value))
        raise Mistyped(f"{found} can not be converted to {_NAMES.get(kind, 'a String')}")
    if kind != "blob" or isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Mistyped("Cannot deserialize value of blob type: it is not base64") from None


def _text_faults(value: str, shape: Shape, path: str) -> Iterator[str]:
    quoted = _quoted(value, shape)
    yield from _size_faults(len(value), "length", shape, quoted, path)
    if value not in shape.get("enum", [value]):
        yield _fault(quoted, path, f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
    pattern = shape.get("pattern")
    if pattern is not None and not _pattern(pattern).fullmatch(value):
        yield _fault(quoted, path, f"Member must satisfy regular expression pattern: {pattern}")


def _size_faults(size: float, what: str, shape: Shape, quoted: str, path: str) -> Iterator[str]:
    if size < shape.get("min", size):
        yield _fault(quoted, path, f"Member must have {what} greater than or equal to {shape['min']}")
    if size > shape.get("max", size):
        yield _fault(quoted, path, f"Member must have {what} less than or equal to {shape['max']}")


def _rules(shape: Shape) -> Iterator[str]:
    if "pattern" in shape:
        yield f"Member must satisfy regular expression pattern: {shape['pattern']}"
    if "max" in shape:
        yield f"Member must have length less than or equal to {shape['max']}"


def _quoted(value: Json, shape: Shape) -> str:
    """A value as a message quotes it; a sensitive value is not quoted."""
    return "" if shape.get("sensitive") else f" '{value}'"


def _fault(quoted: str, path: str, constraint: str) -> str:
    return f"Value{quoted} at '{path}' failed to satisfy constraint: {constraint}"


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


@cache
def _pattern(text: str) -> regex.Pattern[str]:
    """A compiled pattern. AWS writes patterns for Java, with Unicode classes that ``re`` does not know."""
    return regex.compile(text)
