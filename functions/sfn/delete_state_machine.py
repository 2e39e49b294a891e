"""Delete a state machine with its versions and aliases; its executions go on."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.DeleteStateMachine"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.machines.delete(arns.parse_unqualified(event["stateMachineArn"]))
    return None
