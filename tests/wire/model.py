"""AWS's own model, from botocore. Our table of inputs is made from it, and answers are checked against it.

``python -m tests.wire.model`` writes the table anew; a test fails if the installed botocore differs from it.
"""

from __future__ import annotations

import sys
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from stepwell.runtime.aws.json_protocol import TABLE
from tests.wire import aws_model

Json = Any

SERVICE = ServiceModel(Loader().load_service_model("stepfunctions", "service-2"), "stepfunctions")


def operation(name: str) -> OperationModel:
    return SERVICE.operation_model(name)


def error_codes(name: str) -> set[str]:
    """The codes of an operation's errors, as the wire spells them."""
    return {shape.error_code or shape.name for shape in operation(name).error_shapes}


STATUSES = ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"]


def table() -> Json:
    """The names of each operation's input and output shape, and every shape with its rules."""
    shapes: dict[str, Json] = {}
    operations = {name: aws_model.added(operation(name).input_shape, shapes) for name in SERVICE.operation_names}
    # botocore sorts otherwise; AWS's message lists them so.
    shapes["ExecutionStatus"] |= {"enum": STATUSES}
    outputs = aws_model.outputs(SERVICE, SERVICE.operation_names, shapes)
    return {"operations": operations, "outputs": outputs, "shapes": dict(sorted(shapes.items()))}


def text() -> str:
    """The table as the text of its file."""
    return aws_model.text(table())


def faults(name: str, answer: Json) -> list[str]:
    """The places where an answer differs from the output shape. This check is strict; botocore's parser is not."""
    shape = operation(name).output_shape
    return list(aws_model.faults(answer, shape, name)) if shape is not None else ["has no output"] * bool(answer)


def main() -> None:
    TABLE.write_text(text())
    sys.stdout.write(f"{TABLE} is written\n")


if __name__ == "__main__":
    main()
