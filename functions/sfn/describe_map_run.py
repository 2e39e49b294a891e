"""Show a map run: how it is bounded, and how many of its items and executions are how far."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DescribeMapRun"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    return _shapes.map_run(context.map_runs.get(_arns.parse(event["mapRunArn"], _arns.MAP_RUN)))
