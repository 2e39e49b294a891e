"""Delete an activity; tasks that wait for a worker go on waiting."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.DeleteActivity"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.activities.delete(arns.parse(event["activityArn"], arns.ACTIVITY))
    return None
