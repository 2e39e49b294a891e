"""Show an activity."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.DescribeActivity"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.activities.get(arns.parse(event["activityArn"], arns.ACTIVITY))
    return {**_shapes.activity_row(found), "encryptionConfiguration": found.encryption}
