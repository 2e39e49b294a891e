"""List the aliases of a state machine, or those that point to one of its versions."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.ListStateMachineAliases"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse_machine(event["stateMachineArn"])
    found = context.aliases.list(arn, limit=_inputs.limit(event), cursor=event.get("nextToken"))
    return _shapes.page(found, "stateMachineAliases", _shapes.alias_row)
