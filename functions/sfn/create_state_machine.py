"""Create a state machine; an identical one that exists already is answered as it is."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import STANDARD, NewMachine, SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.CreateStateMachine"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    _inputs.check_description(event)
    wanted = NewMachine(
        name=event["name"],
        definition=event["definition"],
        options=_inputs.options(event),
        kind=event.get("type", STANDARD),
        tags=_inputs.tags(event.get("tags", [])),
        publish=event.get("publish", False),
        description=event.get("versionDescription"),
    )
    made = context.machines.create(wanted)
    return {
        "stateMachineArn": made.arn,
        "creationDate": _shapes.seconds(made.created_at),
        "stateMachineVersionArn": made.version_arn,
    }
