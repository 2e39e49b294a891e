"""Show the state machine as it was when an execution began."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.DescribeStateMachineForExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse(event["executionArn"], arns.EXECUTION)
    found = context.sfn_executions.machine(arn)
    name, _, label = found.name.rpartition("/")
    return {
        **_shapes.configured(found, _inputs.with_data(event)),
        "stateMachineArn": found.arn,
        "name": name or found.name,
        "updateDate": _shapes.seconds(found.revised_at),
        "label": label if name else None,
        "mapRunArn": context.sfn_executions.get(arn).map_run_arn if name else None,
    }
