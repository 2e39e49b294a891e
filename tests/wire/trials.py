"""States to try over the wire, and the call that tries one."""

from __future__ import annotations

import json
from typing import Any

from tests.runtime.stage import machine
from tests.wire.client import ROLE, Wire

Json = Any

RETRIED = [{"ErrorEquals": ["Boom"], "IntervalSeconds": 7, "MaxAttempts": 2, "BackoffRate": 2.0}]
CAUGHT = [{"ErrorEquals": ["Other"], "Next": "X"}, {"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Y"}]
INVOKE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "InputPath": "$.in",
    "Parameters": {"FunctionName": "step1", "Payload": {"n.$": "$.n"}},
    "ResultSelector": {"got.$": "$.Payload"},
    "ResultPath": "$.out",
    "Retry": RETRIED,
    "Catch": CAUGHT,
    "Next": "After",
}


SUMS = {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": machine(I={"Type": "Pass"}), "End": True}
FANNED = {"Type": "Parallel", "Branches": [machine(A={"Type": "Pass"}), machine(B={"Type": "Pass"})], "End": True}


def tried(wire: Wire, definition: Json, input: Json = None, **given: Any) -> Json:
    if "mock" not in given:
        given.setdefault("roleArn", ROLE)
    found = wire.client.test_state(definition=json.dumps(definition), input=json.dumps(input or {}), **given)
    del found["ResponseMetadata"]
    return found


DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}
READ = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/orders"},
    "Parameters": {"Bucket": "b", "Key": "k"},
}
WRITTEN = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}
NESTED = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": True}
TOLERANT = SUMS | {
    "ItemProcessor": machine(I={"Type": "Pass"}) | DISTRIBUTED,
    "MaxConcurrency": 4,
    "ToleratedFailureCount": 1,
    "Retry": [
        {"ErrorEquals": ["Other"]},
        {"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "IntervalSeconds": 3},
    ],
}
