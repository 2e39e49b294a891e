"""Check a definition without storing it, and list its faults."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import STANDARD, DefinitionFault, SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.ValidateStateMachineDefinition"
MOST = 100


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    most = event.get("maxResults") or MOST
    faults = context.machines.faults(event["definition"], event.get("type", STANDARD))
    found = [_diagnostic(one, "ERROR") for one in faults]
    if not faults and event.get("severity") == "WARNING":
        found = [_diagnostic(one, "WARNING") for one in context.machines.warnings(event["definition"])]
    return {
        "result": "FAIL" if faults else "OK",
        "diagnostics": found[:most],
        "truncated": len(found) > most,
    }


def _diagnostic(fault: DefinitionFault, severity: str) -> Json:
    place = {"location": fault.location} if fault.location else {}
    return {"severity": severity, "code": fault.code, "message": fault.message, **place}
