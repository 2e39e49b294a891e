"""Restart an unsuccessful execution from the state that failed."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.RedriveExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse(event["executionArn"], arns.EXECUTION)
    redriven_at = context.sfn_executions.redrive(arn, event.get("clientToken"))
    return {"redriveDate": _shapes.seconds(redriven_at)}
