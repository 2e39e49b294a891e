"""Show an execution."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DescribeExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.runs.get(_arns.parse(event["executionArn"], _arns.EXECUTION))
    return _shapes.run(found, _inputs.with_data(event))
