"""Run an Express execution and answer when it has ended."""

from __future__ import annotations

from stepwell.functions.contract import Json, arns
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.StartSyncExecution"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    ended = context.express_executions.run(
        arns.parse_machine(event["stateMachineArn"]),
        name=event.get("name"),
        input=event.get("input", "{}"),
        trace=event.get("traceHeader"),
    )
    return _shapes.express_execution(ended, _inputs.with_data(event))
