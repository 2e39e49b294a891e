"""Delete an activity; tasks that wait for a worker go on waiting."""

from __future__ import annotations

from functions.sfn import _arns, _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DeleteActivity"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.activities.delete(_arns.parse(event["activityArn"], _arns.ACTIVITY))
    return None
