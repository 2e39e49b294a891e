"""Report that a task is still being worked on."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.SendTaskHeartbeat"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.task_tokens.heartbeat(event["taskToken"])
    return None
