"""List the aliases of a state machine, or those that lead to one of its versions."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.ListStateMachineAliases"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse_machine(event["stateMachineArn"])
    found = context.aliases.list(arn, limit=_inputs.limit(event), cursor=event.get("nextToken"))
    return _shapes.page(found, "stateMachineAliases", _shapes.alias_row)
