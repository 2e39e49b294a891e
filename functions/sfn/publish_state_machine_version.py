"""Give the newest revision of a state machine a version number, or find the one it has."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.PublishStateMachineVersion"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse_unqualified(event["stateMachineArn"])
    published = context.versions.publish(arn, event.get("revisionId"), event.get("description"))
    return _shapes.version_row(published)
