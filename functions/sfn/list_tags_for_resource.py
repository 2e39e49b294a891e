"""List the tags of a state machine or an activity."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.ListTagsForResource"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.tags.get(arns.parse(event["resourceArn"], arns.MACHINE, arns.ACTIVITY))
    return {"tags": [{"key": key, "value": value} for key, value in found.items()]}
