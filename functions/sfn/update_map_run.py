"""Let more or fewer executions of a map run go on at a time, or more or fewer of them fail, while it goes on."""

from __future__ import annotations

from functions.sfn import _arns, _inputs
from functions.sfn._errors import ValidationException
from functions.sfn._rooms import Json, MapRunChanges, SfnContext

TARGET = "AWSStepFunctions.UpdateMapRun"
_CHANGED = ("maxConcurrency", "toleratedFailurePercentage", "toleratedFailureCount")


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse(event["mapRunArn"], _arns.MAP_RUN)
    if not set(_CHANGED) & event.keys():
        raise ValidationException(f"At least one of {', '.join(_CHANGED)} must be specified")
    context.map_runs.update(arn, MapRunChanges(*(event.get(name) for name in _CHANGED)))
    return None
