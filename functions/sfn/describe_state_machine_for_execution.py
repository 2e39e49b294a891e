"""Show the revision of a state machine that an execution runs, whatever has become of it since."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DescribeStateMachineForExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse(event["executionArn"], _arns.EXECUTION)
    found = context.runs.machine(arn)
    name, _, label = found.name.rpartition("/")
    return {
        **_shapes.configured(found, _inputs.with_data(event)),
        "stateMachineArn": _arns.machine(found.name),
        "name": name or found.name,
        "updateDate": _shapes.seconds(found.revised_at),
        "label": label if name else None,
        "mapRunArn": _shapes.map_run_arn(context.runs.get(arn)) if name else None,
    }
