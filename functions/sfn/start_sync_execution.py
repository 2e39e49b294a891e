"""Run an Express execution and answer with its end."""

from __future__ import annotations

from functions.sfn import _arns, _inputs, _shapes
from functions.sfn._rooms import Json, SfnContext

TARGET = "AWSStepFunctions.StartSyncExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    ended = context.quick_runs.run(
        _arns.parse_machine(event["stateMachineArn"]),
        name=event.get("name"),
        input=event.get("input", "{}"),
        trace=event.get("traceHeader"),
    )
    return _shapes.quick_run(ended, _inputs.with_data(event))
