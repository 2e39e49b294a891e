"""List the executions of a state machine, newest first."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._errors import ResourceNotFound, ValidationException
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.ListExecutions"
OURS = {theirs: ours for ours, theirs in _shapes.STATUSES.items()}


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    if ("stateMachineArn" in event) == ("mapRunArn" in event):
        raise ValidationException("Exactly one of stateMachineArn and mapRunArn must be specified")
    if "mapRunArn" in event:
        arn = _arns.parse(event["mapRunArn"], _arns.MAP_RUN)
        raise ResourceNotFound(f"Resource not found: '{arn.text}'")
    status = event.get("statusFilter")
    if status == "PENDING_REDRIVE":
        raise ValidationException("The status filter PENDING_REDRIVE needs a mapRunArn")
    redriven = event.get("redriveFilter")
    found = context.runs.list(
        _arns.parse_machine(event["stateMachineArn"]),
        status=status and OURS[status],
        redriven=redriven and redriven == "REDRIVEN",
        limit=_inputs.limit(event),
        cursor=event.get("nextToken"),
    )
    return _shapes.page(found, "executions", _shapes.run_row)
