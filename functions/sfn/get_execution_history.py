"""List an execution's events in AWS's words, oldest first or newest first."""

from __future__ import annotations

from functions.sfn import _arns, _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.GetExecutionHistory"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.runs.history(
        _arns.parse(event["executionArn"], _arns.EXECUTION),
        limit=_inputs.limit(event),
        cursor=event.get("nextToken"),
        reverse=event.get("reverseOrder", False),
        with_data=event.get("includeExecutionData", True),
    )
    return {"events": list(found.items), "nextToken": found.next}
