"""Start an execution; repeated with the same name and input while it runs, nothing more is started."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.StartExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    begun = context.sfn_executions.start(
        arns.parse_machine(event["stateMachineArn"]),
        name=event.get("name"),
        input=event.get("input", "{}"),
        trace=event.get("traceHeader"),
    )
    return {"executionArn": begun.arn, "startDate": _shapes.seconds(begun.started_at)}
