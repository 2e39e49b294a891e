"""Delete an alias; its versions stay."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.DeleteStateMachineAlias"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.aliases.delete(arns.parse_alias(event["stateMachineAliasArn"]))
    return None
