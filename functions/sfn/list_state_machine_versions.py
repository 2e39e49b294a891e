"""List a state machine's versions, newest first."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.ListStateMachineVersions"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse_unqualified(event["stateMachineArn"])
    found = context.versions.list(arn, limit=_inputs.limit(event), cursor=event.get("nextToken"))
    return _shapes.page(found, "stateMachineVersions", _shapes.version_row)
