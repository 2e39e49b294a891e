"""Publish the newest revision of a state machine as a version; one that is published keeps its number."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.PublishStateMachineVersion"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    arn = arns.parse_unqualified(event["stateMachineArn"])
    published = context.versions.publish(arn, event.get("revisionId"), event.get("description"))
    return _shapes.version_row(published)
