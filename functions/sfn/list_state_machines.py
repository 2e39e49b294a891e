"""List state machines by name."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs, _shapes

TARGET = "AWSStepFunctions.ListStateMachines"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    found = context.machines.list(limit=_inputs.limit(event), cursor=event.get("nextToken"))
    return _shapes.page(found, "stateMachines", _shapes.machine_row)
