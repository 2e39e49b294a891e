"""Show a map run: its limits, and counts of its items and executions by status."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.DescribeMapRun"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    return _shapes.map_run(context.map_runs.get(arns.parse(event["mapRunArn"], arns.MAP_RUN)))
