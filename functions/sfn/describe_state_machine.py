"""Show a state machine, or one of its versions."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DescribeStateMachine"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse_machine(event["stateMachineArn"])
    found = context.machines.get(arn)
    of_version = arn.qualifier is not None
    return {
        **_shapes.configured(found, _inputs.with_data(event)),
        "stateMachineArn": _arns.machine(found.name, found.version if of_version else None),
        "status": "ACTIVE",
        "type": found.kind,
        "creationDate": _shapes.seconds(found.version_created_at if of_version else found.created_at),
        "description": found.description if of_version else None,
    }
