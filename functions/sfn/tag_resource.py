"""Add tags to a state machine or an activity, or overwrite their values."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.TagResource"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse(event["resourceArn"], arns.MACHINE, arns.ACTIVITY)
    context.tags.change(arn, add=_inputs.tags(event["tags"]), remove=())
    return None
