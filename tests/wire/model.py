"""AWS's own model, out of botocore: what our table of inputs is made from, and what answers are held against.

``python -m tests.wire.model`` writes the table anew; a test says when the installed botocore has another.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

from runtime.aws.inputs import TABLE

Json = Any

SERVICE = ServiceModel(Loader().load_service_model("stepfunctions", "service-2"), "stepfunctions")
RULES = ("min", "max", "enum", "pattern", "sensitive")


def operation(name: str) -> OperationModel:
    return SERVICE.operation_model(name)


def error_codes(name: str) -> set[str]:
    """The errors that an operation may answer with, as they stand on the wire."""
    return {shape.error_code or shape.name for shape in operation(name).error_shapes}


def table() -> Json:
    """What each operation takes: its input's shape by name, and every shape with its rules."""
    shapes: dict[str, Json] = {}
    operations = {name: _added(operation(name).input_shape, shapes) for name in SERVICE.operation_names}
    return {"operations": operations, "shapes": dict(sorted(shapes.items()))}


def text() -> str:
    """The table as it is kept: a shape a line."""
    made = table()
    parts = [
        f"{json.dumps(part)}: {{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in made[part].items())
        for part in made
    ]
    return "{" + "\n},\n".join(parts) + "\n}}\n"


def _added(shape: Shape, shapes: dict[str, Json]) -> str:
    """The name of a shape, which is among ``shapes`` then, with all that it is made of."""
    if shape.name in shapes:
        return shape.name
    own: dict[str, Json] = {"type": shape.type_name}
    shapes[shape.name] = own
    own |= {rule: shape.metadata[rule] for rule in RULES if rule in shape.metadata}
    if isinstance(shape, StructureShape):
        own["members"] = {name: _added(member, shapes) for name, member in shape.members.items()}
        own["required"] = shape.required_members
    elif shape.type_name == "list":
        own["member"] = _added(shape.member, shapes)
    return shape.name


def faults(name: str, answer: Json) -> list[str]:
    """Where an answer is not what the operation's output shape says; strict, where botocore's parser is not."""
    shape = operation(name).output_shape
    return list(_faults(answer, shape, name)) if shape is not None else ["has no output"] * bool(answer)


def _faults(value: Json, shape: Shape, path: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        yield from _structure_faults(value, shape, path)
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{path}: not a list"
            return
        for index, item in enumerate(value):
            yield from _faults(item, shape.member, f"{path}[{index}]")
    elif kind == "map":
        for key, item in value.items():
            yield from _faults(item, shape.value, f"{path}.{key}")
    elif not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{path}: {value!r} is no {kind}"
    elif kind == "string":
        yield from _text_faults(value, shape, path)


KINDS: dict[str, Any] = {
    "string": str,
    "timestamp": (int, float),
    "integer": int,
    "long": int,
    "float": (int, float),
    "boolean": bool,
}


def _structure_faults(value: Json, shape: StructureShape, path: str) -> Any:
    if not isinstance(value, dict):
        yield f"{path}: not an object"
        return
    yield from (f"{path}.{name}: not in the model" for name in value.keys() - shape.members.keys())
    yield from (f"{path}.{name}: required, absent" for name in shape.required_members if name not in value)
    for name in value.keys() & shape.members.keys():
        yield from _faults(value[name], shape.members[name], f"{path}.{name}")


def _text_faults(value: str, shape: Shape, path: str) -> Any:
    rules = shape.metadata
    if value not in rules.get("enum", [value]):
        yield f"{path}: {value!r} not in the enum"
    if not rules.get("min", 0) <= len(value) <= rules.get("max", len(value)):
        yield f"{path}: {len(value)} characters"


def main() -> None:
    TABLE.write_text(text())
    sys.stdout.write(f"{TABLE} is written\n")


if __name__ == "__main__":
    main()
