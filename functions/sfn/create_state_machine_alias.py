"""Name one or two versions of a state machine."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.CreateStateMachineAlias"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    machine, routes = _inputs.routes(event["routingConfiguration"])
    made = context.aliases.create(_arns.alias(machine, event["name"]), routes, event.get("description"))
    return {
        "stateMachineAliasArn": _arns.machine(made.machine, made.name),
        "creationDate": _shapes.seconds(made.created_at),
    }
