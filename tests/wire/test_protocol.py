"""The protocol below the operations, with requests written by hand: malformed ones get AWS's errors."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.wire.client import Wire

Json = Any


def ask(wire: Wire, body: bytes, target: str | None = "AWSStepFunctions.ListStateMachines", **headers: str) -> Json:
    """Sends a request and checks the answer's headers; returns its status and JSON."""
    connection = http.client.HTTPConnection(urlsplit(wire.url).netloc, timeout=30)
    given = {"content-type": "application/x-amz-json-1.0", **headers}
    connection.request("POST", "/", body, given | ({} if target is None else {"x-amz-target": target}))
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    assert response.headers["content-type"] == "application/x-amz-json-1.0"
    assert len(response.headers["x-amzn-requestid"]) == 36
    return response.status, answer


def test_an_empty_body_is_an_empty_object(wire: Wire):
    assert ask(wire, b"") == (200, {"stateMachines": []})


@pytest.mark.parametrize(
    "target", [None, "", "AWSStepFunctions.", "AWSStepFunctions.Nope", "ListStateMachines", "x" * 500]
)
@pytest.mark.no_rows
def test_an_operation_that_is_not_known(wire: Wire, target: str | None):
    status, answer = ask(wire, b"{}", target)
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a":1,"a":2}', b"[" * 100_000, b"nil"])
@pytest.mark.no_rows
def test_a_body_that_is_no_json(wire: Wire, body: bytes):
    status, answer = ask(wire, body)
    assert (status, answer["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "Start of list found where not expected"),
        ({"maxResults": "7"}, "STRING_VALUE can not be converted to an Integer"),
        ({"maxResults": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"maxResults": {}}, "Start of structure or map found where not expected."),
        ({"nextToken": 7}, "NUMBER_VALUE can not be converted to a String"),
    ],
)
@pytest.mark.no_rows
def test_a_value_of_another_type(wire: Wire, given: Json, said: str):
    assert ask(wire, json.dumps(given).encode()) == (400, {"__type": "SerializationException", "message": said})


@pytest.mark.parametrize(
    ("operation", "given", "said"),
    [
        (
            "ListStateMachines",
            {"maxResults": 1001},
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 1000",
        ),
        (
            "StartExecution",
            {},
            "1 validation error detected: Value null at 'stateMachineArn' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            "CreateStateMachine",
            {"name": "x" * 81, "definition": "", "roleArn": "r"},
            f"2 validation errors detected: Value '{'x' * 81}' at 'name' failed to satisfy constraint: "
            "Member must have length less than or equal to 80; "
            "Value at 'definition' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "CreateStateMachine",
            {"name": "x", "definition": "{}", "roleArn": "r", "type": "FAST"},
            "1 validation error detected: Value 'FAST' at 'type' failed to satisfy constraint: "
            "Member must satisfy enum value set: [STANDARD, EXPRESS]",
        ),
        (
            "TagResource",
            {"resourceArn": "r", "tags": [{"key": ""}]},
            "1 validation error detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
    ],
)
@pytest.mark.no_rows
def test_an_input_against_the_models_rules(wire: Wire, operation: str, given: Json, said: str):
    answer = ask(wire, json.dumps(given).encode(), f"AWSStepFunctions.{operation}")
    assert answer == (400, {"__type": "ValidationException", "message": said})


def test_nulls_and_unknown_members_are_as_if_they_were_not_there(wire: Wire):
    assert ask(wire, b'{"maxResults":null,"colour":"red"}') == (200, {"stateMachines": []})


@pytest.mark.no_rows
def test_a_request_that_is_too_large(wire: Wire):
    status, answer = ask(wire, b" " * (3 << 20) + b"{}")
    assert (status, answer["__type"]) == (413, "RequestEntityTooLarge")


@pytest.mark.no_rows
def test_a_page_of_another_site_is_refused(wire: Wire):
    status, answer = ask(wire, b"{}", origin="http://elsewhere.example")
    assert (status, answer["__type"]) == (403, "CrossSite")
    status, answer = ask(wire, b"{}", host="elsewhere.example")
    assert (status, answer["__type"]) == (421, "UnknownHost")


@pytest.mark.no_rows
def test_a_fault_of_ours_is_not_shown(wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setattr("stepwell.runtime.aws.step_functions.machines.WireMachines.list", None)
    status, answer = ask(wire, b"{}")
    wire.faults.clear()
    assert (status, answer["__type"]) == (500, "InternalFailure")
    assert "not callable" not in answer["message"] and "not callable" in caplog.text
