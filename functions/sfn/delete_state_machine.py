"""Delete a state machine with its versions and aliases; its executions go on."""

from __future__ import annotations

from functions.sfn import _arns, _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DeleteStateMachine"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.machines.delete(_arns.parse_unqualified(event["stateMachineArn"]))
    return None
