from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader

from stepwell.runtime.aws import response_models
from stepwell.runtime.aws.response_models import NAMES, ResponseModel, response_model

Json = Any

SHAPES = {
    "Answer": {
        "type": "structure",
        "required": ["kind"],
        "members": {
            "kind": "Kind",
            "count": "Count",
            "text": "Text",
            "body": "Body",
            "at": "At",
            "on": "On",
            "any": "Any",
            "rows": "Rows",
            "tags": "Tags",
        },
    },
    "Kind": {"type": "string", "enum": ["A", "B"]},
    "Count": {"type": "integer", "min": 1, "max": 9},
    "Text": {"type": "string", "min": 2, "max": 3},
    "Body": {"type": "blob", "min": 1},
    "At": {"type": "timestamp"},
    "On": {"type": "boolean"},
    "Any": {"type": "structure", "members": {}, "document": True},
    "Rows": {"type": "list", "member": "Row"},
    "Row": {"type": "structure", "required": ["id"], "members": {"id": "Count", "rows": "Rows"}},
    "Tags": {"type": "map", "key": "Text", "value": "Text"},
}
ANSWER = ResponseModel("Answer", SHAPES)


@pytest.fixture
def afresh() -> Iterator[None]:
    """What was read of models before is forgotten, and so is what this test reads."""
    response_model.cache_clear()
    response_models._services.cache_clear()
    yield
    response_model.cache_clear()
    response_models._services.cache_clear()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"Kind": "A", "More": 1, "kind": 1}, []),
        ({"Kind": "B", "Count": 9, "Text": "ab", "Body": "x", "At": "now", "On": False}, []),
        ({"Kind": "A", "Any": 5}, []),
        ({"Kind": "A", "Count": 1.5}, []),
        ({"Kind": "A", "Rows": [{"Id": 1, "Rows": []}], "Tags": {"x": "ab"}}, []),
        ([], ["Mocked result must be a JSON object."]),
        (None, ["Mocked result must be a JSON object."]),
        ({}, ["Required field 'Kind' is missing"]),
        ({"Kind": 1}, ["Field 'Kind' must be a string"]),
        ({"Kind": None}, ["Field 'Kind' must be a string"]),
        ({"Kind": "C"}, ["Field 'Kind' is not an expected value"]),
        ({"Kind": "A", "Count": "1"}, ["Field 'Count' must be a number"]),
        ({"Kind": "A", "Count": True}, ["Field 'Count' must be a number"]),
        ({"Kind": "A", "Count": 0}, ["Field 'Count' is less than the minimum value"]),
        ({"Kind": "A", "Count": 10}, ["Field 'Count' exceeds the maximum value"]),
        ({"Kind": "A", "Text": "a"}, ["Field 'Text' is smaller than the minimum length"]),
        ({"Kind": "A", "Text": "abcd"}, ["Field 'Text' exceeds the maximum length"]),
        ({"Kind": "A", "Body": 1}, ["Field 'Body' must be a string"]),
        ({"Kind": "A", "Body": ""}, ["Field 'Body' is smaller than the minimum length"]),
        ({"Kind": "A", "At": 5}, ["Field 'At' must be a string"]),
        ({"Kind": "A", "On": 1}, ["Field 'On' must be a boolean"]),
        ({"Kind": "A", "Rows": {}}, ["Field 'Rows' must be an array"]),
        ({"Kind": "A", "Rows": [1]}, ["Field 'Rows' must be an object"]),
        ({"Kind": "A", "Rows": [{}]}, ["Required field 'Id' is missing"]),
        ({"Kind": "A", "Rows": [{"Id": 1}, {"Id": "x"}]}, ["Field 'Id' must be a number"]),
        ({"Kind": "A", "Rows": [{"Id": 1, "Rows": [{"Id": 0}]}]}, ["Field 'Id' is less than the minimum value"]),
        ({"Kind": "A", "Tags": []}, ["Field 'Tags' must be an object"]),
        ({"Kind": "A", "Tags": {"x": 1}}, ["Field 'Tags' must be a string"]),
    ],
)
def test_a_value_against_a_model(value: Json, said: list[str]) -> None:
    assert list(ANSWER.faults(value, is_strict=True)) == said
    asked_for = [one for one in said if not one.startswith("Required")]
    assert list(ANSWER.faults(value, is_strict=False)) == asked_for


def test_changed_members_are_not_looked_at() -> None:
    assert list(ANSWER.faults({"Count": "x"}, is_strict=True, changed=("Kind", "Count"))) == []


@pytest.mark.parametrize(
    ("service", "action", "value", "said"),
    [
        ("lambda", "invoke", {"Payload": {}}, "Field 'Payload' must be a string"),
        ("lambda", "getFunction", {"Configuration": {"Timeout": 0}}, "Field 'Timeout' is less than the minimum value"),
        ("lambda", "listLayers", {"Layers": 1}, "Field 'Layers' must be an array"),
        ("states", "startExecution", {"ExecutionArn": 1}, "Field 'ExecutionArn' must be a string"),
        ("sfn", "startExecution", {"ExecutionArn": ""}, "Field 'ExecutionArn' is smaller than the minimum length"),
        ("dynamodb", "getItem", {"Item": {"a": {"L": [{"S": 1}]}}}, "Field 'S' must be a string"),
        ("sqs", "sendMessage", {"MessageId": 1}, "Field 'MessageId' must be a string"),
        ("events", "putEvents", {"Entries": {}}, "Field 'Entries' must be an array"),
        ("eventbridge", "putEvents", {"FailedEntryCount": "0"}, "Field 'FailedEntryCount' must be a number"),
        ("ecs", "runTask", {"Tasks": [{"TaskArn": 1}]}, "Field 'TaskArn' must be a string"),
        ("emr-serverless", "startJobRun", {"JobRunId": ""}, "Field 'JobRunId' is smaller than the minimum length"),
        ("cognitoidentity", "getId", {"IdentityId": 1}, "Field 'IdentityId' must be a string"),
        ("cloudwatchlogs", "getLogEvents", {"Events": [{"Timestamp": "x"}]}, "Field 'Timestamp' must be a number"),
    ],
)
def test_the_models_that_are_known(service: str, action: str, value: Json, said: str) -> None:
    model = response_model(service, action)
    assert model is not None and next(model.faults(value, is_strict=False)) == said


@pytest.mark.parametrize(
    ("service", "action"),
    [
        *(("nowhere", "getItem"), ("dynamodb", "nothing"), ("dynamodb", ""), ("", ""), ("../dynamodb", "getItem")),
        *(("ecs", "runTask.sync"), ("sqs", "sendMessage.waitForTaskToken"), ("http", "invoke"), ("sqs", "purgeQueue")),
    ],
)
def test_what_has_no_model(service: str, action: str) -> None:
    assert response_model(service, action) is None


def test_without_botocore_the_tables_alone_are_known(afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.loaders", None)
    assert response_model("dynamodb", "getItem") is None
    assert response_model("lambda", "listLayers") is None
    assert response_model("lambda", "invoke") is not None and response_model("sfn", "listExecutions") is not None


def test_the_names_of_services_are_those_of_the_sdk_for_java() -> None:
    loader, found = Loader(), {}
    for name in loader.list_available_services("service-2"):
        identity = loader.load_service_model(name, "service-2")["metadata"]["serviceId"]
        called = re.sub(r"[^a-z0-9]", "", identity.lower())
        if called != name.replace("-", ""):
            found[called] = name
    optimised = {"states", "elasticmapreduce"}
    assert {name: to for name, to in NAMES.items() if name not in optimised} == found
