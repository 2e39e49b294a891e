"""Show an activity."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DescribeActivity"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.activities.get(_arns.parse(event["activityArn"], _arns.ACTIVITY))
    return {**_shapes.activity_row(found), "encryptionConfiguration": found.encryption}
