"""List the map runs of an execution, newest first."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.ListMapRuns"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse(event["executionArn"], _arns.EXECUTION)
    found = context.map_runs.of(arn, limit=_inputs.limit(event), cursor=event.get("nextToken"))
    return _shapes.page(found, "mapRuns", _shapes.map_run_row)
