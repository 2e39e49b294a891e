"""Say what is wrong with a definition, without storing it."""

from __future__ import annotations

from functions.sfn import _inputs
from functions.sfn._rooms import STANDARD, Json, SfnContext

TARGET = "AWSStepFunctions.ValidateStateMachineDefinition"
MOST = 100


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    most = event.get("maxResults") or MOST
    found = context.machines.faults(event["definition"], event.get("type", STANDARD))
    shown = [
        {"severity": "ERROR", "code": one.code, "message": one.message, "location": one.location}
        for one in found[:most]
    ]
    return {"result": "FAIL" if found else "OK", "diagnostics": shown, "truncated": len(found) > most}
