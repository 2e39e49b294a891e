"""Point an alias to other versions, or change its description."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.errors.step_functions import ValidationException
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.UpdateStateMachineAlias"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse_alias(event["stateMachineAliasArn"])
    if not {"routingConfiguration", "description"} & event.keys():
        raise ValidationException("Either the routing configuration or the description must be specified")
    machine, routes = arn.name, None
    if "routingConfiguration" in event:
        machine, routes = _inputs.routes(event["routingConfiguration"])
    if machine != arn.name:
        raise ValidationException("An alias leads to versions of its own state machine")
    changed = context.aliases.update(arn, routes, event.get("description"))
    return {"updateDate": _shapes.seconds(changed.updated_at)}
