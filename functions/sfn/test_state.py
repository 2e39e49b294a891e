"""Run one state by itself, with a mock result or with the function that it names."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.state_tests import StateTest
from stepwell.functions.contract.step_functions import SfnContext
from stepwell.functions.sfn import _inputs

TARGET = "AWSStepFunctions.TestState"


def handler(event: _inputs.Input, context: SfnContext) -> Json:
    configuration = event.get("stateConfiguration", {})
    tried = context.state_tests.run(
        StateTest(
            definition=event["definition"],
            state=event.get("stateName"),
            input=event.get("input", "{}"),
            variables=event.get("variables", "{}"),
            context=event.get("context"),
            mock=event.get("mock"),
            retries=configuration.get("retrierRetryCount", 0),
            role=event.get("roleArn"),
            reveals_secrets=event.get("revealSecrets", False),
            caused_by=configuration.get("errorCausedByState"),
            failures=configuration.get("mapIterationFailureCount"),
            reader_data=configuration.get("mapItemReaderData"),
        )
    )
    data = {**tried.data, "errorDetails": tried.details or None}
    return {
        "status": tried.status,
        "output": tried.output,
        "error": tried.error,
        "cause": tried.cause,
        "nextState": tried.next,
        "inspectionData": data if event.get("inspectionLevel", "INFO") != "INFO" else None,
    }
