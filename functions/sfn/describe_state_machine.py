"""Show a state machine, or one of its versions."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.DescribeStateMachine"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse_machine(event["stateMachineArn"])
    found = context.machines.get(arn)
    of_version = arn.qualifier is not None
    return {
        **_shapes.configured(found, _inputs.with_data(event)),
        "stateMachineArn": found.version_arn if of_version else found.arn,
        "status": "ACTIVE",
        "type": found.kind,
        "creationDate": _shapes.seconds(found.version_created_at if of_version else found.created_at),
        "description": found.description if of_version else None,
    }
