"""List the tags of a state machine or an activity."""

from __future__ import annotations

from functions.sfn import _arns, _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.ListTagsForResource"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.tags.get(_arns.parse(event["resourceArn"], _arns.MACHINE, _arns.ACTIVITY))
    return {"tags": [{"key": key, "value": value} for key, value in found.items()]}
