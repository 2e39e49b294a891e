"""Invoke, ListFunctions and GetFunction for functions in files, with genuine boto3."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from tests.wire import lambda_model
from tests.wire.lambda_client import LambdaWire, refused, served

Json = Any

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
FUNCTIONS = {
    "echo": "return event",
    "fails": "raise ValueError('boom')",
    "prints": "print('one'); print('two'); return 1",
    "exits": "import os; os._exit(3)",
    "huge": "return 'x' * (7 << 20)",
    "large": "return 'x' * (1 << 20)",
    "is_odd": "return object()",
    "tells": (
        "return [context.function_name, context.function_version, context.invoked_function_arn, "
        "context.aws_request_id, context.client_context and [context.client_context.custom, "
        "context.client_context.client.app_title], context.w3c()]"
    ),
}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaWire]:
    """One server for all tests: none of them writes to its database."""
    home = tmp_path_factory.mktemp("home")
    mine = home / "mine"
    (mine / "steps").mkdir(parents=True)
    for name, body in FUNCTIONS.items():
        (mine / "steps" / f"{name}.py").write_text(f"def handler(event, context):\n    {body}\n")
    (mine / "steps" / "hangs.py").write_text(
        "import time\nTIMEOUT_SECONDS = 0.5\ndef handler(event, context):\n    time.sleep(60)\n"
    )
    (mine / "api").mkdir()
    (mine / "api" / "charge.py").write_text("ROUTE = 'GET /charge'\ndef handler(event, context):\n    return 'paid'\n")
    with served(f"sqlite:///{home}/stepwell.db", home, function_paths=(mine,)) as wire:
        yield wire


@pytest.mark.parametrize("event", [{"a": [1, None, "é"]}, None, 0, "", [1.5], {}])
def test_a_function_answers_what_it_returns(wire: LambdaWire, event: Json) -> None:
    answer = wire.called("echo", event)
    assert (answer["StatusCode"], answer["Payload"], answer["ExecutedVersion"]) == (200, event, "$LATEST")
    assert "FunctionError" not in answer and "LogResult" not in answer


def test_without_a_payload_the_event_is_empty(wire: LambdaWire) -> None:
    assert json.loads(wire.client.invoke(FunctionName="echo")["Payload"].read()) == {}


@pytest.mark.parametrize(
    "name",
    [
        *("echo", f"{ARN}echo", "123456789012:function:echo", "function:echo", "echo:$LATEST", f"{ARN}echo:$LATEST"),
        "arn:aws:lambda:eu-west-1:999999999999:function:echo",
    ],
)
def test_a_function_goes_by_many_names(wire: LambdaWire, name: str) -> None:
    assert wire.called(name, 1)["Payload"] == 1


def test_the_context_tells_who_is_called_and_by_whom(wire: LambdaWire) -> None:
    sent = {"custom": {"a": "b"}, "client": {"app_title": "shop"}, "w3c": {"traceparent": "00-1"}}
    answer = wire.called("tells", ClientContext=base64.b64encode(json.dumps(sent).encode()).decode())
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["Payload"] == [
        *("tells", "$LATEST", f"{ARN}tells", request_id),
        [{"a": "b"}, "shop"],
        {"traceparent": "00-1"},
    ]
    qualified = wire.called("tells", Qualifier="$LATEST")["Payload"]
    assert qualified[2] == f"{ARN}tells:$LATEST" and qualified[4] is None


def test_an_error_is_an_answer_with_lambda_s_members(wire: LambdaWire) -> None:
    answer = wire.called("fails")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert list(answer["Payload"]) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (answer["Payload"]["errorMessage"], answer["Payload"]["errorType"]) == ("boom", "ValueError")
    assert answer["Payload"]["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert "raise ValueError('boom')" in answer["Payload"]["stackTrace"][0]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("hangs", "Sandbox.Timedout", r"RequestId: [0-9a-f-]{36} Error: Task timed out after 0.50 seconds"),
        ("exits", "Runtime.ExitError", r"RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 3"),
        (
            "huge",
            "Function.ResponseSizeTooLarge",
            r"Response payload size exceeded maximum allowed payload size \(6291556 bytes\).",
        ),
        (
            "is_odd",
            "Runtime.MarshalError",
            r"Unable to marshal response: Object of type object is not JSON serializable",
        ),
    ],
)
def test_what_no_handler_can_say_is_said_for_it(wire: LambdaWire, name: str, kind: str, message: str) -> None:
    answer = wire.called(name)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"]["errorType"] == kind
    assert re.fullmatch(message, answer["Payload"]["errorMessage"])


def test_a_result_may_be_larger_than_a_state_machine_s(wire: LambdaWire) -> None:
    assert len(wire.called("large")["Payload"]) == 1 << 20


def test_the_log_s_tail_stands_between_lambda_s_lines(wire: LambdaWire) -> None:
    answer = wire.called("prints", LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert lines[:4] == [
        f"START RequestId: {request_id} Version: $LATEST",
        "one",
        "two",
        f"END RequestId: {request_id}",
    ]
    report = rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB"
    assert re.fullmatch(report, lines[4]) and len(lines) == 5


def test_a_timeout_stands_in_the_log(wire: LambdaWire) -> None:
    said = base64.b64decode(wire.called("hangs", LogType="Tail")["LogResult"]).decode()
    assert re.search(r"^\d{4}-\d\d-\d\dT[\d:.]+Z [0-9a-f-]{36} Task timed out after 0.50 seconds$", said, re.MULTILINE)


def test_a_dry_run_runs_nothing(wire: LambdaWire) -> None:
    answer = wire.client.invoke(FunctionName="exits", InvocationType="DryRun")
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    missing = refused(wire.client.invoke, FunctionName="nowhere", InvocationType="DryRun")
    assert missing[0] == "ResourceNotFoundException"


def test_a_function_that_is_not_there(wire: LambdaWire) -> None:
    with pytest.raises(wire.client.exceptions.ResourceNotFoundException) as caught:
        wire.client.invoke(FunctionName="nowhere")
    assert caught.value.response["Error"]["Message"] == f"Function not found: {ARN}nowhere"
    assert caught.value.response["Type"] == "User"


@pytest.mark.parametrize(
    ("given", "code", "message", "status"),
    [
        ({"FunctionName": "echo:7"}, "ResourceNotFoundException", f"Function not found: {ARN}echo:7", 404),
        (
            {"FunctionName": "echo:1", "Qualifier": "2"},
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
            400,
        ),
        (
            {"FunctionName": "echo", "Payload": b"{"},
            "InvalidRequestContentException",
            "Could not parse request body into json: Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1)",
            400,
        ),
        (
            {"FunctionName": "echo", "Payload": b"NaN"},
            "InvalidRequestContentException",
            "Could not parse request body into json: NaN is no JSON",
            400,
        ),
        (
            {"FunctionName": "echo", "ClientContext": "!"},
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
            400,
        ),
        (
            {"FunctionName": "echo", "Payload": b'"' + b"x" * 6_291_455 + b'"'},
            "RequestTooLargeException",
            "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)",
            413,
        ),
        (
            {"FunctionName": "echo", "InvocationType": "Sometimes"},
            "ValidationException",
            "1 validation error detected: Value 'Sometimes' at 'invocationType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
            400,
        ),
    ],
)
def test_what_cannot_be_is_refused(wire: LambdaWire, given: Json, code: str, message: str, status: int) -> None:
    assert refused(wire.client.invoke, **given) == (code, message, status)


def test_a_name_that_is_none_is_refused(wire: LambdaWire) -> None:
    code, message, status = refused(wire.client.get_function, FunctionName="a b")
    assert (code, status) == ("ValidationException", 400)
    assert message.startswith("1 validation error detected: Value 'a b' at 'functionName' failed")


def test_too_many_at_once_are_told_to_come_again(wire: LambdaWire) -> None:
    waiting = wire.runtime.waiting
    with ExitStack() as running:
        for _ in range(waiting.most):
            running.enter_context(waiting.place(AssertionError("not all were free")))
        with pytest.raises(wire.client.exceptions.TooManyRequestsException) as caught:
            wire.client.invoke(FunctionName="echo")
    assert caught.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"


def test_functions_are_listed_by_name_and_by_pages(wire: LambdaWire) -> None:
    pages = list(wire.client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 5}))
    listed = [one["FunctionName"] for page in pages for one in page["Functions"]]
    assert listed == sorted(listed) and len(pages) > 1
    assert {"step1", "http_request", "echo", "charge"} <= set(listed)
    assert "invoke" not in listed and "get_health" not in listed


def test_a_function_is_described_as_it_stands(wire: LambdaWire) -> None:
    found = wire.client.get_function(FunctionName="hangs")
    one = found["Configuration"]
    assert (one["FunctionArn"], one["Version"], one["Handler"]) == (f"{ARN}hangs", "$LATEST", "steps.hangs.handler")
    assert (one["State"], one["LastUpdateStatus"], one["PackageType"]) == ("Active", "Successful", "Zip")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", one["LastModified"])
    configuration = wire.client.get_function_configuration(FunctionName=f"{ARN}hangs")
    del configuration["ResponseMetadata"]
    assert one == configuration


def test_the_waiters_find_it_ready(wire: LambdaWire) -> None:
    for name in ("function_exists", "function_active_v2", "function_updated_v2", "function_active", "function_updated"):
        wire.client.get_waiter(name).wait(FunctionName="echo", WaiterConfig={"MaxAttempts": 1})


def test_old_clients_put_a_slash_behind_the_path(wire: LambdaWire) -> None:
    with urlopen(f"{wire.url}/2015-03-31/functions/?MaxItems=1") as answer:
        assert len(json.load(answer)["Functions"]) == 1


def test_an_operation_that_is_not_there_is_refused_in_aws_s_form(wire: LambdaWire) -> None:
    with pytest.raises(ClientError) as caught:
        wire.client.list_layers()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


def test_an_endpoint_of_a_user_is_a_function_too(wire: LambdaWire) -> None:
    assert wire.called("charge", {})["Payload"] == "paid"


def test_the_table_is_what_botocore_s_model_says() -> None:
    assert lambda_model.TABLE.read_text() == lambda_model.text(), "run python -m tests.wire.lambda_model"


@pytest.mark.parametrize("operation", lambda_model.names())
def test_each_handler_answers_at_its_operation_s_path(operation: str, routes: Callable[[str], str]) -> None:
    http = lambda_model.SERVICE.operation_model(operation).http
    assert routes(operation) == f"{http['method']} {http['requestUri'].partition('?')[0]}"


@pytest.fixture(scope="module")
def routes(wire: LambdaWire) -> Callable[[str], str]:
    paths = {one.path: one.route for one in wire.runtime.catalog.functions}
    return lambda operation: paths[lambda_model.file_of(operation)] or ""
