"""Remove tags from a state machine or an activity."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.UntagResource"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse(event["resourceArn"], arns.MACHINE, arns.ACTIVITY)
    context.tags.change(arn, add={}, remove=event["tagKeys"])
    return None
