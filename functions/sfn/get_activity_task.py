"""Wait up to a minute for a task of an activity and answer with it; without a task token, there was none."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.GetActivityTask"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse(event["activityArn"], arns.ACTIVITY)
    task = context.activities.next_task(arn, event.get("workerName"))
    return None if task is None else {"taskToken": task.token, "input": task.input}
