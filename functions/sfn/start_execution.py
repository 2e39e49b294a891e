"""Start an execution; the same name and input again, while it runs, is the same start."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.StartExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    begun = context.runs.start(
        _arns.parse_machine(event["stateMachineArn"]),
        name=event.get("name"),
        input=event.get("input", "{}"),
        trace=event.get("traceHeader"),
    )
    return {"executionArn": _shapes.execution_arn(begun), "startDate": _shapes.seconds(begun.started_at)}
