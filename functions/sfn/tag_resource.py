"""Put tags on a state machine or an activity."""

from __future__ import annotations

from functions.sfn import _arns, _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.TagResource"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse(event["resourceArn"], _arns.MACHINE, _arns.ACTIVITY)
    context.tags.change(arn, add=_inputs.tags(event["tags"]), remove=())
    return None
