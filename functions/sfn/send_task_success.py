"""Answer a task token with a result."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.SendTaskSuccess"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.task_tokens.succeed(event["taskToken"], event["output"])
    return None
