"""Say that a task is still being worked on."""

from __future__ import annotations

from functions.sfn import _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.SendTaskHeartbeat"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.tokens.heartbeat(event["taskToken"])
    return None
