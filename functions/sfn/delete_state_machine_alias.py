"""Delete an alias; the versions it led to stay."""

from __future__ import annotations

from functions.sfn import _arns, _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DeleteStateMachineAlias"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.aliases.delete(_arns.parse_alias(event["stateMachineAliasArn"]))
    return None
