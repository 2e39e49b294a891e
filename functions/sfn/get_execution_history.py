"""List an execution's events with AWS's event types, oldest or newest first."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.GetExecutionHistory"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.sfn_executions.history(
        arns.parse(event["executionArn"], arns.EXECUTION),
        limit=_inputs.limit(event),
        cursor=event.get("nextToken"),
        reverse=event.get("reverseOrder", False),
        with_data=event.get("includeExecutionData", True),
    )
    return {"events": list(found.items), "nextToken": found.next}
