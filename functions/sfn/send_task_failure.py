"""Answer a task token with an error."""

from __future__ import annotations

from functions.sfn import _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.SendTaskFailure"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.tokens.fail(event["taskToken"], event.get("error"), event.get("cause"))
    return None
