"""Show the versions that an alias points to."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.DescribeStateMachineAlias"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    return _shapes.alias(context.aliases.get(arns.parse_alias(event["stateMachineAliasArn"])))
