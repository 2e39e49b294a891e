"""Delete a version that no alias points to; its executions go on."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.DeleteStateMachineVersion"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.versions.delete(arns.parse_version(event["stateMachineVersionArn"]))
    return None
