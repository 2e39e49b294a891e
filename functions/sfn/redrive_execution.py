"""Let an execution that ended without success go on in the state in which it ended."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.RedriveExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse(event["executionArn"], _arns.EXECUTION)
    redriven_at = context.runs.redrive(arn, event.get("clientToken"))
    return {"redriveDate": _shapes.seconds(redriven_at)}
