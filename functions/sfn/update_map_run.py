"""Change the concurrency and the tolerated failures of a map run while it runs."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import MapRunChanges, SfnContext
from stepwell.functions.errors.step_functions import ValidationException
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.UpdateMapRun"
_CHANGED = ("maxConcurrency", "toleratedFailurePercentage", "toleratedFailureCount")


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse(event["mapRunArn"], arns.MAP_RUN)
    if not set(_CHANGED) & event.keys():
        raise ValidationException(f"At least one of {', '.join(_CHANGED)} must be specified")
    context.map_runs.update(arn, MapRunChanges(*(event.get(name) for name in _CHANGED)))
    return None
