"""Change a state machine; running executions keep the definition they began with."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import NewMachine, SfnContext
from stepwell.functions.errors.step_functions import MissingRequiredParameter, StateMachineDoesNotExist
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.UpdateStateMachine"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse_machine(event["stateMachineArn"])
    if arn.version is not None:
        raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn.text}'")
    arns.parse_unqualified(arn.text)
    _inputs.check_description(event)
    options = _inputs.options(event)
    if not options and "definition" not in event:
        raise MissingRequiredParameter(
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration "
            "must be specified"
        )
    wanted = NewMachine(
        name=arn.name,
        definition=event.get("definition"),
        options=options,
        publish=event.get("publish", False),
        description=event.get("versionDescription"),
    )
    made = context.machines.update(arn, wanted)
    return {
        "updateDate": _shapes.seconds(made.revised_at),
        "revisionId": made.revision,
        "stateMachineVersionArn": made.version_arn,
    }
