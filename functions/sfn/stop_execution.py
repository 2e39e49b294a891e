"""End an execution; one that has ended stays as it is."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.StopExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse(event["executionArn"], _arns.EXECUTION)
    ended_at = context.runs.stop(arn, event.get("error"), event.get("cause"))
    return {"stopDate": _shapes.seconds(ended_at)}
