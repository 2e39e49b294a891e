"""Show the revision of a state machine that an execution runs, whatever has become of it since."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DescribeStateMachineForExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.runs.machine(_arns.parse(event["executionArn"], _arns.EXECUTION))
    return {
        **_shapes.configured(found, _inputs.with_data(event)),
        "stateMachineArn": _arns.machine(found.name),
        "updateDate": _shapes.seconds(found.revised_at),
    }
