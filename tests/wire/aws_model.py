"""botocore's shapes of either service: the table made from them, and the check of an answer against them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from botocore.model import ServiceModel, Shape, StructureShape

Json = Any

RULES = ("min", "max", "enum", "pattern", "sensitive")
KINDS: dict[str, Any] = {
    "string": str,
    "timestamp": (int, float),
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
}


def text(table: Json) -> str:
    """A table as the text of its file: one shape per line."""
    parts = [
        f"{json.dumps(part)}: {{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in table[part].items())
        for part in table
    ]
    return "{" + "\n},\n".join(parts) + "\n}}\n"


def added(shape: Shape, shapes: dict[str, Json]) -> str:
    """Adds a shape and every shape inside it to ``shapes``; returns the shape's name."""
    if shape.name in shapes:
        return shape.name
    own: dict[str, Json] = {"type": shape.type_name}
    shapes[shape.name] = own
    own |= {rule: shape.metadata[rule] for rule in RULES if rule in shape.metadata}
    if isinstance(shape, StructureShape):
        own["members"] = {name: added(member, shapes) for name, member in shape.members.items()}
        own["required"] = shape.required_members
    elif shape.type_name == "list":
        own["member"] = added(shape.member, shapes)
    elif shape.type_name == "map":
        own |= {"key": added(shape.key, shapes), "value": added(shape.value, shapes)}
    return shape.name


def outputs(service: ServiceModel, names: Iterable[str], shapes: dict[str, Json]) -> dict[str, str]:
    """The name of the output shape of each operation that has one. They are added to ``shapes``."""
    found = {name: service.operation_model(name).output_shape for name in names}
    return {name: added(shape, shapes) for name, shape in found.items() if shape is not None}


def faults(value: Json, shape: Shape, path: str) -> Iterator[str]:
    """The places where a value differs from its shape. This check is strict; botocore's parser is not."""
    kind = shape.type_name
    if kind == "structure":
        yield from _structure_faults(value, shape, path)
    elif kind == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from faults(item, shape.member, f"{path}[{index}]")
    elif kind == "map" and isinstance(value, dict):
        for key, item in value.items():
            yield from _text_faults(key, shape.key, path)
            yield from faults(item, shape.value, f"{path}.{key}")
    elif (
        kind in ("list", "map")
        or not isinstance(value, KINDS[kind])
        or (isinstance(value, bool) != (kind == "boolean"))
    ):
        yield f"{path}: {value!r} is no {kind}"
    elif kind == "string":
        yield from _text_faults(value, shape, path)


def _structure_faults(value: Json, shape: StructureShape, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: not an object"
        return
    members = {one.serialization.get("name", name): one for name, one in shape.members.items()}
    yield from (f"{path}.{name}: not in the model" for name in value.keys() - members.keys())
    yield from (f"{path}.{name}: required, absent" for name in shape.required_members if name not in value)
    for name in value.keys() & members.keys():
        yield from faults(value[name], members[name], f"{path}.{name}")


def _text_faults(value: str, shape: Shape, path: str) -> Iterator[str]:
    rules = shape.metadata
    if value not in rules.get("enum", [value]):
        yield f"{path}: {value!r} not in the enum"
    if not rules.get("min", 0) <= len(value) <= rules.get("max", len(value)):
        yield f"{path}: {len(value)} characters"
