"""List a state machine's versions, newest first."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.ListStateMachineVersions"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = _arns.parse_unqualified(event["stateMachineArn"])
    found = context.versions.list(arn, limit=_inputs.limit(event), cursor=event.get("nextToken"))
    return _shapes.page(found, "stateMachineVersions", _shapes.version_row)
