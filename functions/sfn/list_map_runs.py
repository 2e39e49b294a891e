"""List the map runs of an execution, newest first."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.ListMapRuns"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse(event["executionArn"], arns.EXECUTION)
    found = context.map_runs.of(arn, limit=_inputs.limit(event), cursor=event.get("nextToken"))
    return _shapes.page(found, "mapRuns", _shapes.map_run_row)
