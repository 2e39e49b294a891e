"""List the executions of a state machine, or those of a map run, newest first."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import STATUSES, SfnContext
from stepwell.functions.errors.step_functions import ValidationException
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.ListExecutions"
OURS = {theirs: ours for ours, theirs in STATUSES.items()}


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    if ("stateMachineArn" in event) == ("mapRunArn" in event):
        raise ValidationException("Exactly one of stateMachineArn and mapRunArn must be specified")
    status, redriven = event.get("statusFilter"), event.get("redriveFilter")
    filters: dict[str, Json] = {
        "status": status and OURS[status],
        "redriven": redriven and redriven == "REDRIVEN",
        "limit": _inputs.limit(event),
        "cursor": event.get("nextToken"),
    }
    if "mapRunArn" in event:
        of_run = context.map_runs.executions(arns.parse(event["mapRunArn"], arns.MAP_RUN), **filters)
        return _shapes.page(of_run, "executions", _shapes.child_row)
    if status == "PENDING_REDRIVE":
        raise ValidationException("The status filter PENDING_REDRIVE needs a mapRunArn")
    found = context.sfn_executions.list(arns.parse_machine(event["stateMachineArn"]), **filters)
    return _shapes.page(found, "executions", _shapes.execution_row)
