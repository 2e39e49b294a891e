"""Every operation of AWS Lambda is served, or listed here with a reason; the others are refused in AWS's form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from botocore import xform_name

from stepwell.runtime.lambdas.policies import MOST_BYTES
from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres
from tests.services import until
from tests.wire import lambda_model
from tests.wire.lambda_client import LambdaWire, refused, served
from tests.wire.packages import package

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres"]

Json = Any

NOT_SERVED = {
    "layers are refused at CreateFunction: a package holds all that its function needs": (
        *("AddLayerVersionPermission", "DeleteLayerVersion", "GetLayerVersion", "GetLayerVersionByArn"),
        *("GetLayerVersionPolicy", "ListLayerVersions", "ListLayers", "PublishLayerVersion"),
        "RemoveLayerVersionPermission",
    ),
    "there are no queues and streams to read from": (
        *("CreateEventSourceMapping", "DeleteEventSourceMapping", "GetEventSourceMapping"),
        *("ListEventSourceMappings", "UpdateEventSourceMapping"),
    ),
    "nothing is signed, and nobody would check it": (
        *("CreateCodeSigningConfig", "DeleteCodeSigningConfig", "DeleteFunctionCodeSigningConfig"),
        *("GetCodeSigningConfig", "ListCodeSigningConfigs", "ListFunctionsByCodeSigningConfig"),
        *("PutFunctionCodeSigningConfig", "UpdateCodeSigningConfig"),
    ),
    "a file under FUNCTIONS_PATH with a ROUTE is what answers HTTP here": (
        *("CreateFunctionUrlConfig", "DeleteFunctionUrlConfig", "GetFunctionUrlConfig", "ListFunctionUrlConfigs"),
        "UpdateFunctionUrlConfig",
    ),
    "processes are kept warm by what ran, not by order": (
        *("DeleteProvisionedConcurrencyConfig", "GetProvisionedConcurrencyConfig"),
        *("ListProvisionedConcurrencyConfigs", "PutProvisionedConcurrencyConfig"),
        *("GetFunctionScalingConfig", "PutFunctionScalingConfig"),
        *("CreateCapacityProvider", "DeleteCapacityProvider", "GetCapacityProvider", "ListCapacityProviders"),
        *("ListFunctionVersionsByCapacityProvider", "UpdateCapacityProvider"),
    ),
    "state machines are what is durable here; DurableConfig is refused": (
        *("CheckpointDurableExecution", "DeleteDurableExecution", "GetDurableExecution"),
        *("GetDurableExecutionHistory", "GetDurableExecutionState", "ListDurableExecutionsByFunction"),
        *("PauseDurableExecution", "ResumeDurableExecution", "SendDurableExecutionCallbackFailure"),
        *("SendDurableExecutionCallbackHeartbeat", "SendDurableExecutionCallbackSuccess", "StopDurableExecution"),
    ),
    "functions run on the server's own Python, which no client can change": (
        *("GetRuntimeManagementConfig", "PutRuntimeManagementConfig"),
    ),
    "loops through queues and topics cannot be: there are none": (
        *("GetFunctionRecursionConfig", "PutFunctionRecursionConfig"),
    ),
    "a function's policy is kept statement by statement (AddPermission), not as a whole": (
        *("DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy"),
    ),
    "a handler returns once: there is no stream of parts": ("InvokeWithResponseStream",),
}
EXCEPTIONS = [name for names in NOT_SERVED.values() for name in names]
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
ROLE = "arn:aws:iam::123456789012:role/lambda"


@pytest.fixture
def wire(empty_url: str, tmp_path: Path) -> Iterator[LambdaWire]:
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code") as wire:
        yield wire


@pytest.fixture
def mine(wire: LambdaWire) -> str:
    """Creates a function that returns its event, with one published version; returns its name."""
    wire.client.create_function(
        FunctionName="mine",
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Publish=True,
        Code={"ZipFile": package("return event")},
    )
    return "mine"


def test_every_operation_is_served_or_said_not_to_be() -> None:
    served, excepted = set(lambda_model.names()), set(EXCEPTIONS)
    assert served | excepted == set(lambda_model.SERVICE.operation_names)
    assert not served & excepted and len(EXCEPTIONS) == len(excepted)


def test_every_operation_that_is_served_is_called_by_a_test_of_this_folder() -> None:
    texts = "".join(path.read_text() for path in Path(__file__).parent.glob("test_lambda_*.py"))
    called = set(re.findall(r"\b(?:client|act)\.(\w+)", texts)) | set(re.findall(r'paginator\("(\w+)"', texts))
    assert {xform_name(name) for name in lambda_model.names()} <= called


@pytest.mark.no_rows
def test_what_is_not_served_is_refused_in_aws_s_form(wire: LambdaWire) -> None:
    for name in EXCEPTIONS:
        http = lambda_model.SERVICE.operation_model(name).http
        path = re.sub(r"\{\w+\}", "x", http["requestUri"])
        status, kind, said = send(wire, http["method"], path, b"{}")
        assert status in (404, 405), name
        assert kind == ("UnknownOperationException" if status == 404 else "MethodNotAllowed"), name
        assert said["Type"] == "User" and said["message"], name


def send(wire: LambdaWire, method: str, path: str, body: bytes = b"") -> tuple[int, str, Json]:
    """Sends a request; returns the status, the error's name and the body of its answer."""
    connection = HTTPConnection(wire.url.removeprefix("http://"))
    connection.request(method, path, body)
    answer = connection.getresponse()
    found = answer.status, answer.headers["x-amzn-errortype"], json.loads(answer.read())
    connection.close()
    return found


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/2015-03-31/nonsense"), ("GET", "/2099-01-01/functions"), ("POST", "/2015-03-31/functions/a/b/c")),
        *(("DELETE", "/2015-03-31/functions"), ("PATCH", "/2015-03-31/functions/x"), ("GET", "/2015-03-31/")),
        ("GET", "/2015-03-31/%ff"),
    ],
)
@pytest.mark.no_rows
def test_what_is_no_operation_is_refused_in_aws_s_form(wire: LambdaWire, method: str, path: str) -> None:
    status, kind, said = send(wire, method, path)
    assert 400 <= status < 500 and kind and said["Type"] == "User" and said["message"]


# Policies


def policy_of(wire: LambdaWire, **given: Any) -> Json:
    return json.loads(wire.client.get_policy(FunctionName="mine", **given)["Policy"])


def test_permissions_make_a_policy_and_are_taken_back(wire: LambdaWire, mine: str) -> None:
    act = wire.client
    assert refused(act.get_policy, FunctionName=mine)[::2] == ("ResourceNotFoundException", 404)
    given = {"FunctionName": mine, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    source = "arn:aws:events:us-east-1:123456789012:rule/nightly"
    said = act.add_permission(**given, StatementId="nightly", SourceArn=source, SourceAccount="123456789012")
    wanted = {
        "Sid": "nightly",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"{ARN}mine",
        "Condition": {
            "ArnLike": {"AWS:SourceArn": source},
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
        },
    }
    assert json.loads(said["Statement"]) == wanted
    act.add_permission(**{**given, "Principal": "111122223333"}, StatementId="them")
    found = policy_of(wire)
    assert (found["Version"], found["Id"], found["Statement"][0]) == ("2012-10-17", "default", wanted)
    assert found["Statement"][1]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert refused(act.add_permission, **given, StatementId="them") == (
        "ResourceConflictException",
        "The statement id (them) provided already exists. "
        "Please provide a new statement id, or remove the existing statement.",
        409,
    )
    act.remove_permission(FunctionName=mine, StatementId="nightly")
    assert [one["Sid"] for one in policy_of(wire)["Statement"]] == ["them"]
    gone = refused(act.remove_permission, FunctionName=mine, StatementId="nightly")
    assert gone[::2] == ("ResourceNotFoundException", 404)


def test_a_qualifier_has_a_policy_of_its_own(wire: LambdaWire, mine: str) -> None:
    act = wire.client
    given = {"FunctionName": mine, "Action": "lambda:InvokeFunction", "Principal": "*", "StatementId": "all"}
    act.add_permission(**given, Qualifier="1")
    assert policy_of(wire, Qualifier="1")["Statement"][0]["Resource"] == f"{ARN}mine:1"
    assert refused(act.get_policy, FunctionName=mine)[0] == "ResourceNotFoundException"
    assert refused(act.add_permission, **given, Qualifier="$LATEST")[0] == "InvalidParameterValueException"
    assert refused(act.add_permission, **given, Qualifier="7")[0] == "ResourceNotFoundException"


def test_a_policy_changes_for_who_has_seen_it(wire: LambdaWire, mine: str) -> None:
    act = wire.client
    given = {"FunctionName": mine, "Action": "lambda:InvokeFunction", "Principal": "*"}
    act.add_permission(**given, StatementId="a")
    seen = act.get_policy(FunctionName=mine)["RevisionId"]
    act.add_permission(**given, StatementId="b", RevisionId=seen)
    for call, more in ((act.add_permission, {**given, "StatementId": "c"}), (act.remove_permission, {})):
        stale = refused(call, **{"FunctionName": mine, "StatementId": "b", "RevisionId": seen, **more})
        assert stale[::2] == ("PreconditionFailedException", 412)
    assert [one["Sid"] for one in policy_of(wire)["Statement"]] == ["a", "b"]


def _is_somebody_waiting(cursor: Any) -> bool:
    cursor.execute("SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")
    return cursor.fetchone() is not None


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("change", ["add_permission", "remove_permission", "put_function_event_invoke_config"])
def test_a_change_of_what_belongs_to_a_function_waits_for_its_row(
    wire: LambdaWire, mine: str, empty_url: str, change: str
) -> None:
    given = {
        "add_permission": {"Action": "lambda:InvokeFunction", "Principal": "*", "StatementId": "a"},
        "remove_permission": {"StatementId": "a"},
        "put_function_event_invoke_config": {"MaximumRetryAttempts": 1},
    }
    if change == "remove_permission":
        wire.client.add_permission(FunctionName=mine, **given["add_permission"])
    with closing(psycopg2.connect(empty_url)) as other, other.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("SELECT FROM stored_function WHERE name = %s FOR UPDATE", (mine,))
        changed = pool.submit(getattr(wire.client, change), FunctionName=mine, **given[change])
        until(lambda: changed.done() or _is_somebody_waiting(cursor), "the change waits or is done")
        assert not changed.done()
        other.rollback()
        changed.result()


def test_a_policy_has_20_kb(wire: LambdaWire, mine: str) -> None:
    given = {"FunctionName": mine, "Action": "lambda:InvokeFunction", "Principal": "arn:" + "x" * 2000}
    codes = []
    for number in range(10):
        try:
            wire.client.add_permission(**given, StatementId=f"s{number}")
        except wire.client.exceptions.PolicyLengthExceededException as fault:
            codes.append(fault.response["ResponseMetadata"]["HTTPStatusCode"])
    assert codes == [400] and len(wire.client.get_policy(FunctionName=mine)["Policy"]) <= MOST_BYTES


def test_a_policy_goes_with_its_function(wire: LambdaWire, mine: str) -> None:
    given = {"FunctionName": mine, "Action": "lambda:InvokeFunction", "Principal": "*", "StatementId": "all"}
    wire.client.add_permission(**given)
    code = {"ZipFile": package("return 1")}
    wire.client.delete_function(FunctionName=mine)
    wire.client.create_function(FunctionName=mine, Runtime="python3.12", Role=ROLE, Handler="app.handler", Code=code)
    assert refused(wire.client.get_policy, FunctionName=mine)[0] == "ResourceNotFoundException"


def test_what_belongs_to_an_alias_or_a_version_goes_with_it(wire: LambdaWire, mine: str) -> None:
    act = wire.client
    given = {"FunctionName": mine, "Action": "lambda:InvokeFunction", "Principal": "*", "StatementId": "all"}
    act.create_alias(FunctionName=mine, Name="live", FunctionVersion="$LATEST")
    for qualifier in ("live", "1"):
        act.add_permission(**given, Qualifier=qualifier)
        act.put_function_event_invoke_config(FunctionName=mine, Qualifier=qualifier, MaximumRetryAttempts=0)
    act.delete_alias(FunctionName=mine, Name="live")
    act.delete_function(FunctionName=mine, Qualifier="1")
    assert act.list_function_event_invoke_configs(FunctionName=mine)["FunctionEventInvokeConfigs"] == []
    act.create_alias(FunctionName=mine, Name="live", FunctionVersion="$LATEST")
    refusal = refused(act.get_policy, FunctionName=mine, Qualifier="live")
    assert refusal[0] == "ResourceNotFoundException"


# Smaller operations


def test_the_account_s_settings_count_what_is_there(wire: LambdaWire) -> None:
    before = wire.client.get_account_settings()
    code = package("return event")
    wire.client.create_function(
        FunctionName="mine", Runtime="python3.12", Role=ROLE, Handler="app.handler", Code={"ZipFile": code}
    )
    wire.client.put_function_concurrency(FunctionName="mine", ReservedConcurrentExecutions=7)
    after = wire.client.get_account_settings()
    assert after["AccountUsage"]["FunctionCount"] == before["AccountUsage"]["FunctionCount"] + 1
    assert after["AccountUsage"]["TotalCodeSize"] == before["AccountUsage"]["TotalCodeSize"] + len(code)
    limits = after["AccountLimit"]
    assert (limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]) == (1000, 993)
    assert limits["CodeSizeUnzipped"] == 262_144_000


def test_no_function_has_a_code_signing_config(wire: LambdaWire, mine: str) -> None:
    found = wire.client.get_function_code_signing_config(FunctionName=mine)
    assert (found["CodeSigningConfigArn"], found["FunctionName"]) == ("", "mine")
    missing = refused(wire.client.get_function_code_signing_config, FunctionName="nobody")
    assert missing[0] == "ResourceNotFoundException"


def test_the_rules_for_events_are_listed_by_qualifier(wire: LambdaWire, mine: str) -> None:
    act = wire.client
    for qualifier, retries in (("1", 0), ("$LATEST", 1)):
        act.put_function_event_invoke_config(FunctionName=mine, Qualifier=qualifier, MaximumRetryAttempts=retries)
    pages = act.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName=mine, PaginationConfig={"PageSize": 1}
    )
    found = [one for page in pages for one in page["FunctionEventInvokeConfigs"]]
    assert [(one["FunctionArn"], one["MaximumRetryAttempts"]) for one in found] == [
        (f"{ARN}mine:$LATEST", 1),
        (f"{ARN}mine:1", 0),
    ]


def test_the_oldest_way_to_send_an_event(wire: LambdaWire, mine: str) -> None:
    assert wire.client.invoke_async(FunctionName=mine, InvokeArgs=b'{"a": 1}')["Status"] == 202
    with wire.worker() as worker:
        assert worker.fire_timers() == 0
        worker.run()
    assert refused(wire.client.invoke_async, FunctionName=mine, InvokeArgs=b"{")[::2] == (
        "InvalidRequestContentException",
        400,
    )
    assert refused(wire.client.invoke_async, FunctionName="nobody", InvokeArgs=b"{}")[2] == 404


def test_what_was_said_of_a_file_does_not_hold_for_a_zip_of_its_name(empty_url: str, tmp_path: Path) -> None:
    steps = tmp_path / "mine" / "steps"
    steps.mkdir(parents=True)
    (steps / "shop.py").write_text("def handler(event, context):\n    return 1\n")
    given = {"FunctionName": "shop", "Action": "lambda:InvokeFunction", "Principal": "*", "StatementId": "all"}
    with served(empty_url, tmp_path / "home", function_paths=(steps.parent,)) as before:
        before.client.add_permission(**given)
        before.client.put_function_event_invoke_config(FunctionName="shop", MaximumRetryAttempts=0)
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code") as after:
        code = {"ZipFile": package("return 2")}
        after.client.create_function(
            FunctionName="shop", Runtime="python3.12", Role=ROLE, Handler="app.handler", Code=code
        )
        for act in (after.client.get_policy, after.client.get_function_event_invoke_config):
            assert refused(act, FunctionName="shop")[0] == "ResourceNotFoundException"
