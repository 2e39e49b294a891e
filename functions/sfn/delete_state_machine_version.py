"""Delete a version that no alias leads to; its executions go on."""

from __future__ import annotations

from functions.sfn import _arns, _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DeleteStateMachineVersion"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.versions.delete(_arns.parse_version(event["stateMachineVersionArn"]))
    return None
