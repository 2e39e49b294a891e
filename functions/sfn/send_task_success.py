"""Answer a task token with a result."""

from __future__ import annotations

from functions.sfn import _inputs
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.SendTaskSuccess"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    context.tokens.succeed(event["taskToken"], event["output"])
    return None
