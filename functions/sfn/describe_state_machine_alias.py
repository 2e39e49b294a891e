"""Show where an alias leads."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.DescribeStateMachineAlias"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    return _shapes.alias(context.aliases.get(_arns.parse_alias(event["stateMachineAliasArn"])))
