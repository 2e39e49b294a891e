"""Stop an execution; one that has ended stays as it is."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.StopExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse(event["executionArn"], arns.EXECUTION)
    ended_at = context.sfn_executions.stop(arn, event.get("error"), event.get("cause"))
    return {"stopDate": _shapes.seconds(ended_at)}
