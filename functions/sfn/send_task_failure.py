"""Answer a task token with an error."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.SendTaskFailure"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.task_tokens.fail(event["taskToken"], event.get("error"), event.get("cause"))
    return None
