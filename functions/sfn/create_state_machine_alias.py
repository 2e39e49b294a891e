"""Create an alias that points to one or two versions of a state machine."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.CreateStateMachineAlias"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    machine, routes = _inputs.routes(event["routingConfiguration"])
    made = context.aliases.create(machine, event["name"], routes, event.get("description"))
    return {
        "stateMachineAliasArn": made.arn,
        "creationDate": _shapes.seconds(made.created_at),
    }
