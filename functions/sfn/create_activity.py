"""Create an activity, whose tasks outside workers fetch; one that exists already is answered as it is."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.CreateActivity"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    encryption = event.get("encryptionConfiguration", {})
    _inputs.check_encryption(encryption)
    made = context.activities.create(event["name"], encryption, _inputs.tags(event.get("tags", [])))
    return {"activityArn": made.arn, "creationDate": _shapes.seconds(made.created_at)}
