"""AWS's own model of Lambda, from botocore. Our table is made from it, and answers are checked against it.

``python -m tests.wire.lambda_model`` writes the table anew; a test fails if the installed botocore differs from it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

from stepwell.runtime.settings import ROOT
from tests.wire import aws_model

Json = Any

SERVICE = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")
TABLE = ROOT / "runtime" / "aws" / "lambda.json"
HANDLERS = ROOT / "functions" / "lambda_api"
LOCATIONS = ("uri", "querystring", "header")


def names() -> list[str]:
    """The names of the operations with a handler."""
    files = sorted(path for path in HANDLERS.glob("*.py") if not path.name.startswith("_"))
    return ["".join(word.capitalize() for word in path.stem.split("_")) for path in files]


def file_of(operation: str) -> Path:
    """The file of an operation's handler."""
    text = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)
    return HANDLERS / f"{text.strip('_')}.py"


def table() -> Json:
    """The input, output and member locations of each operation, and every shape with its rules."""
    shapes: dict[str, Json] = {}
    operations = {name: _operation(SERVICE.operation_model(name), shapes) for name in names()}
    outputs = aws_model.outputs(SERVICE, names(), shapes)
    return {"operations": operations, "outputs": outputs, "shapes": dict(sorted(shapes.items()))}


def text() -> str:
    """The table as the text of its file."""
    return aws_model.text(table())


def _operation(model: OperationModel, shapes: dict[str, Json]) -> Json:
    taken, given = model.input_shape, model.output_shape
    own: dict[str, Json] = {
        "input": aws_model.added(taken, shapes),
        "status": model.http.get("responseCode", 200),
        "locations": {
            name: [one.serialization["location"], _wire_name(name, one), one.type_name]
            for name, one in taken.members.items()
            if one.serialization.get("location") in LOCATIONS
        },
        "answers_headers": {},
    }
    if payload := taken.serialization.get("payload"):
        own["payload"] = payload
    if given is not None:
        own |= _answer(given)
    return own


def _answer(shape: StructureShape) -> Json:
    where = {name: one.serialization.get("location") for name, one in shape.members.items()}
    own: dict[str, Json] = {
        "answers_headers": {
            name: shape.members[name].serialization["name"].lower()
            for name, place in where.items()
            if place == "header"
        }
    }
    if payload := shape.serialization.get("payload"):
        own["answers_payload"] = payload
    status = [name for name, place in where.items() if place == "statusCode"]
    return own | ({"answers_status": status[0]} if status else {})


def _wire_name(name: str, shape: Shape) -> str:
    found = str(shape.serialization.get("name", name))
    return found.lower() if shape.serialization["location"] == "header" else found


def answer_faults(operation: str, status: int, headers: dict[str, str], body: bytes) -> list[str]:
    """The places where an answer differs from the operation's model. This check is strict; botocore's parser is not."""
    model = SERVICE.operation_model(operation)
    if status >= 300:
        return list(_error_faults(model, status, headers, body))
    shape = model.output_shape
    has_status = shape is not None and any(
        one.serialization.get("location") == "statusCode" for one in shape.members.values()
    )
    wanted = {200, 202, 204} if has_status else {model.http.get("responseCode", 200)}
    faults = [] if status in wanted else [f"{operation}: status {status}, not {wanted}"]
    if shape is None or shape.serialization.get("payload") or status == 204:
        return faults if shape is not None or body == b"" else [*faults, f"{operation}: has a body"]
    return [*faults, *aws_model.faults(json.loads(body), shape, operation)]


def _error_faults(model: OperationModel, status: int, headers: dict[str, str], body: bytes) -> Iterator[str]:
    code, said = headers.get("x-amzn-errortype", ""), json.loads(body)
    known = {one.name: one for one in model.error_shapes}
    if code in known:
        if known[code].metadata["error"]["httpStatusCode"] != status:
            yield f"{model.name}: {code} with status {status}"
        yield from aws_model.faults(said, known[code], f"{model.name}: {code}")
    elif COMMON.get(code) != status or said.keys() != {"Type", "message"}:
        yield f"{model.name}: {status} {code!r} {said} is not among {sorted(known)}"


COMMON = {
    "ValidationException": 400,
    "SerializationException": 400,
    "ServiceUnavailableException": 503,
    "RequestTooLargeException": 413,
    "CrossSite": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
    "InvalidSignatureException": 403,
    "IncompleteSignatureException": 403,
    "UnknownHost": 421,
}
"""The errors common to all operations, with their status. AWS's reference lists them apart. CrossSite and UnknownHost
are ours."""


def main() -> None:
    TABLE.write_text(text())
    sys.stdout.write(f"{TABLE} is written\n")


if __name__ == "__main__":
    main()
