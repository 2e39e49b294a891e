"""Show an execution."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.DescribeExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.sfn_executions.get(arns.parse(event["executionArn"], arns.EXECUTION))
    return _shapes.execution(found, _inputs.with_data(event))
