"""Hand out a task of an activity, waiting for one for a minute; no task token means that there was none."""

from __future__ import annotations

from functions.sfn import _arns, _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.GetActivityTask"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse(event["activityArn"], _arns.ACTIVITY)
    task = context.activities.next_task(arn, event.get("workerName"))
    return None if task is None else {"taskToken": task.token, "input": task.input}
