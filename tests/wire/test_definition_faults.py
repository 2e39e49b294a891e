"""Refusals of definitions and inputs in the words that AWS was recorded to use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runtime.stage import machine, parallel, task
from tests.wire.client import ROLE, Wire, refusal

Json = Any

SCHEMA, NO_JSON = "SCHEMA_VALIDATION_FAILED", "INVALID_JSON_DESCRIPTION"
PASS = {"Type": "Pass"}
WAIT = "String does not match RFC3339 timestamp"
TEMPLATE = "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call"
LANGUAGE = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
ROLE_ARN = "The field 'RoleArn' is required but was missing"
WORD = "Unrecognized token 'abc': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def jsonata(**states: Json) -> Json:
    return {"QueryLanguage": "JSONata", **machine(**states)}


def wait(value: str) -> Json:
    return {"Type": "Wait", "Timestamp": value}


def each(**fields: Json) -> Json:
    return {"Type": "Map", "ItemProcessor": machine(p=PASS), **fields}


FAULTS: dict[str, tuple[Json, str, str]] = {
    "nothing": ({}, "These fields are required: [States, StartAt]", "/"),
    "no StartAt": ({"States": {}}, "These fields are required: [StartAt]", "/"),
    "no States": ({"StartAt": "A"}, "These fields are required: [States]", "/"),
    "a step list": ({"steps": [{"taskName": "step1"}]}, "These fields are required: [States, StartAt]", "/"),
    "a list": ([], "Definition must be a valid JSON object", ""),
    "no time": (machine(A=wait("soon")), WAIT, "/States/A/Timestamp"),
    "no zone": (machine(A=wait("2026-11-24T03:00:00")), WAIT, "/States/A/Timestamp"),
    "JSONata outside JSONata": (machine(A=wait("{% $now() %}")), WAIT, "/States/A/Timestamp"),
    "no time in JSONata": (jsonata(A=wait("soon")), WAIT, "/States/A/Timestamp"),
    "no path": (machine(A=task("step1", Parameters={"a": [{"x.$": "$.["}]})), TEMPLATE, "/States/A/Parameters"),
    "no call": (machine(A={**PASS, "Parameters": {"x.$": "States.Nope("}}), TEMPLATE, "/States/A/Parameters"),
    "in a selector": (machine(A=task("step1", ResultSelector={"x.$": "x"})), TEMPLATE, "/States/A/ResultSelector"),
    "two languages": (jsonata(A={**PASS, "QueryLanguage": "JSONPath"}), LANGUAGE, "/States/A"),
    "no role": (machine(A=task("step1", Credentials={})), ROLE_ARN, "/States/A/Credentials"),
    "another member": (machine(A=task("step1", Credentials={"x": 1})), ROLE_ARN, "/States/A/Credentials"),
    "no role in JSONata": (jsonata(A=task("step1", Credentials={"x": 1})), ROLE_ARN, "/States/A/Credentials"),
}


def diagnostics(wire: Wire, text: str, kind: str = "STANDARD") -> list[dict[str, str]]:
    found: list[dict[str, str]] = wire.client.validate_state_machine_definition(definition=text, type=kind)[
        "diagnostics"
    ]
    return [one for one in found if one["severity"] == "ERROR"]


@pytest.mark.parametrize("why", FAULTS)
def test_a_fault_has_aws_words_and_place(wire: Wire, why: str):
    definition, message, location = FAULTS[why]
    text = json.dumps(definition)
    [found] = diagnostics(wire, text)
    assert (found["code"], found["message"], found.get("location", "")) == (SCHEMA, message, location)
    code, said = refusal(wire.client.create_state_machine, name="play", definition=text, roleArn=ROLE)
    assert code == "InvalidDefinition"
    assert said == f"Invalid State Machine Definition: '{SCHEMA}: {message} at {location or 'null'}'"


def test_no_word_is_said_about_steps(wire: Wire):
    both = {**machine(A=PASS), "steps": [{"taskName": "step1"}]}
    [found] = diagnostics(wire, json.dumps(both))
    assert (found["message"], found["location"]) == ("Field is not supported", "/steps")


def test_a_text_that_is_no_json_is_told_in_jacksons_words(wire: Wire):
    place = '[Source: (String)"abc def"; line: 1, column: 4]'
    [found] = diagnostics(wire, "abc def")
    assert (found["code"], found["location"]) == (NO_JSON, place)
    assert found["message"] == f"{WORD}\n at {place}"
    _, said = refusal(wire.client.create_state_machine, name="play", definition="abc def", roleArn=ROLE)
    assert said == f"Invalid State Machine Definition: '{NO_JSON}: {WORD}\n at {place}'"


def test_a_blank_text_is_no_object(wire: Wire):
    [found] = diagnostics(wire, " ")
    assert (found["code"], found["message"]) == (SCHEMA, "Definition must be a valid JSON object")
    assert "location" not in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abc def", f"Invalid State Machine Execution Input: '{WORD}'"),
        (
            "{'a': 1}",
            "Invalid State Machine Execution Input: 'Unexpected character (''' (code 39)): "
            "was expecting double-quote to start field name'",
        ),
        ("", "Invalid execution input."),
    ],
)
def test_an_input_that_is_no_json(wire: Wire, text: str, said: str):
    arn = wire.made(machine(A=PASS))
    error = refusal(wire.client.start_execution, stateMachineArn=arn, input=text)
    assert error == ("InvalidExecutionInput", said)


ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:sign"
TOKEN = "'.waitForTaskToken' service integration "
EXPRESS: dict[str, tuple[str, str]] = {
    "an activity": (ACTIVITY, "Activity ARN"),
    "a token": ("arn:aws:states:::lambda:invoke.waitForTaskToken", TOKEN),
    "a token of a service that does not run here": ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", TOKEN),
    "a job": ("arn:aws:states:::states:startExecution.sync", "'.sync' service integration"),
    "a job that does not run here": ("arn:aws:states:::batch:submitJob.sync", "'.sync' service integration"),
}


@pytest.mark.parametrize("why", EXPRESS)
def test_what_an_express_machine_may_not_do_is_said_first(wire: Wire, why: str):
    resource, what = EXPRESS[why]
    found = diagnostics(wire, json.dumps(machine(A=task(resource))), "EXPRESS")
    first = {one: found[0][one] for one in ("code", "message", "location")}
    message = f"Express state machine does not support {what}"
    assert first == {"code": SCHEMA, "message": message, "location": "/States/A/Resource"}
    assert "INVALID_RESOURCE" not in {one["code"] for one in found}


@pytest.mark.parametrize("value", [1, "{% 1 %}"])
def test_an_inline_map_in_jsonata_may_tolerate_failures(wire: Wire, value: Json):
    tolerant = each(Items=[1, 2], ToleratedFailureCount=value, ToleratedFailurePercentage=value)
    arn = wire.made(jsonata(A=tolerant))
    started = wire.client.start_execution(stateMachineArn=arn)["executionArn"]
    wire.stage.run()
    assert json.loads(wire.client.describe_execution(executionArn=started)["output"]) == [1, 2]


def test_an_inline_map_in_jsonpath_may_not(wire: Wire):
    [found] = diagnostics(wire, json.dumps(machine(A=each(ToleratedFailureCount=1))))
    assert found["location"] == "/States/A/ToleratedFailureCount"


@pytest.mark.parametrize("selector", ["ItemSelector", "Parameters"])
def test_an_iterator_in_distributed_mode_begins_a_map_run(wire: Wire, selector: str):
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    chosen = {selector: {"v.$": "$$.Map.Item.Value"}}
    whole = {"Type": "Map", "Iterator": {**machine(p=PASS), **config}, **chosen}
    arn = wire.made(machine(A=whole))
    started = wire.client.start_execution(stateMachineArn=arn, input="[1, 2]")["executionArn"]
    wire.stage.run()
    assert len(wire.client.list_map_runs(executionArn=started)["mapRuns"]) == 1
    assert json.loads(wire.client.describe_execution(executionArn=started)["output"]) == [{"v": 1}, {"v": 2}]


@pytest.mark.parametrize("language", [machine, jsonata])
def test_a_heartbeat_is_shorter_than_the_time_out(wire: Wire, language: Any):
    for heartbeat, is_right in ((9, True), (10, False), (11, False)):
        whole = language(A=task("step1", HeartbeatSeconds=heartbeat, TimeoutSeconds=10))
        assert bool(diagnostics(wire, json.dumps(whole))) != is_right


def test_a_retry_waits_a_second_at_least(wire: Wire):
    for seconds, is_right in ((1, True), (0, False), (0.5, False)):
        retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": seconds}]
        for state in (task("step1", Retry=retry), parallel(machine(p=PASS), Retry=retry)):
            assert bool(diagnostics(wire, json.dumps(machine(A=state)))) != is_right
