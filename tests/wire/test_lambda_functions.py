"""Functions made from zips: created, changed, published, called over the wire and by a state machine's tasks."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from stepwell.db.database import database
from stepwell.db.function_models import FunctionCode
from stepwell.functions.errors import NotFound
from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres
from tests.wire.lambda_client import LambdaWire, Worker, client_of, refused, served
from tests.wire.packages import package

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres"]

Json = Any

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
ROLE = "arn:aws:iam::123456789012:role/lambda"


@pytest.fixture
def wire(empty_url: str, tmp_path: Path) -> Iterator[LambdaWire]:
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code") as wire:
        yield wire


def made(wire: LambdaWire, code: Json = "return [event, 1]", name: str = "mine", **options: Any) -> Json:
    """Creates a function; returns its configuration."""
    chosen = {"Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler", **options}
    return wire.client.create_function(FunctionName=name, Code={"ZipFile": package(code)}, **chosen)


def test_a_function_is_called_once_it_is_made(wire: LambdaWire) -> None:
    code = package("return [event, 1]")
    one = made(wire, Description="mine", Timeout=7, MemorySize=256, Tags={"a": "b"})
    assert (one["FunctionArn"], one["Version"], one["State"]) == (f"{ARN}mine", "$LATEST", "Active")
    assert (one["CodeSize"], one["CodeSha256"]) == (
        len(code),
        base64.b64encode(hashlib.sha256(code).digest()).decode(),
    )
    assert (one["Timeout"], one["MemorySize"], one["Description"]) == (7, 256, "mine")
    assert one["Architectures"] == ["x86_64"]
    for name in ("function_exists", "function_active_v2", "function_updated_v2"):
        wire.client.get_waiter(name).wait(FunctionName="mine", WaiterConfig={"MaxAttempts": 1})
    assert wire.called("mine", {"x": 0})["Payload"] == [{"x": 0}, 1]
    assert wire.client.get_function(FunctionName="mine")["Tags"] == {"a": "b"}


def test_what_is_not_chosen_is_aws_s_default(wire: LambdaWire) -> None:
    one = made(wire)
    assert (one["Timeout"], one["MemorySize"], one["Description"]) == (3, 128, "")
    assert (one["TracingConfig"], one["EphemeralStorage"]) == ({"Mode": "PassThrough"}, {"Size": 512})


def test_the_package_is_all_that_a_function_finds(wire: LambdaWire) -> None:
    files = {
        "pkg/entry.py": "import os, sys\nfrom pkg.words import WORD\n"
        "def run(event, context):\n    import beside\n"
        "    root = os.environ['LAMBDA_TASK_ROOT']\n"
        "    return [WORD, beside.WORD, os.getcwd() == root == sys.path[0], os.environ['_HANDLER'],\n"
        "            open('data.txt').read(), 'functions' in os.listdir(root), sorted(os.listdir(root))]\n",
        "pkg/words.py": "WORD = 'inside'\n",
        "beside.py": "WORD = 'beside'\n",
        "data.txt": "data",
    }
    made(wire, files, Handler="pkg/entry.run")
    assert wire.called("mine")["Payload"] == [
        *("inside", "beside", True, "pkg.entry.run", "data", False),
        ["beside.py", "data.txt", "pkg"],
    ]
    made(wire, "import functions.contract", name="nosy")
    assert wire.called("nosy")["Payload"]["errorMessage"] == "No module named 'functions'"


def test_code_and_configuration_change_for_the_next_call(wire: LambdaWire) -> None:
    first = made(wire, "import os; return [1, os.environ.get('WORD')]")
    assert wire.called("mine")["Payload"] == [1, None]
    wire.client.update_function_code(
        FunctionName="mine", ZipFile=package("import os; return [2, os.environ.get('WORD')]")
    )
    second = wire.client.update_function_configuration(
        FunctionName="mine", Environment={"Variables": {"WORD": "hello"}}
    )
    assert second["Environment"] == {"Variables": {"WORD": "hello"}}
    assert second["Timeout"] == 3 and second["RevisionId"] != first["RevisionId"]
    assert wire.called("mine")["Payload"] == [2, "hello"]
    wire.client.update_function_configuration(FunctionName="mine", Environment={"Variables": {}})
    assert wire.called("mine")["Payload"] == [2, None]


def test_two_functions_of_one_code_do_not_meet(wire: LambdaWire) -> None:
    code = {"app.py": "import os\nseen = []\ndef handler(event, context):\n    seen.append(event)\n    return seen\n"}
    made(wire, code, name="a")
    made(wire, code, name="b")
    assert wire.called("a", 1)["Payload"] == [1]
    assert wire.called("b", 2)["Payload"] == [2]
    assert wire.called("a", 3)["Payload"] == [1, 3]


def test_a_function_s_own_time_out_holds(wire: LambdaWire) -> None:
    made(wire, "import time; time.sleep(60)", Timeout=1)
    answer = wire.called("mine")
    assert answer["Payload"]["errorMessage"].endswith("Task timed out after 1.00 seconds")


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        ("app.missing", "Runtime.HandlerNotFound"),
        ("missing.handler", "Runtime.ImportModuleError"),
        ("app", "Runtime.MalformedHandlerName"),
    ],
)
def test_a_handler_that_is_not_there_is_told_by_the_call(wire: LambdaWire, handler: str, kind: str) -> None:
    made(wire, Handler=handler)
    assert wire.called("mine")["Payload"]["errorType"] == kind


def test_a_deleted_function_is_gone_with_its_code(wire: LambdaWire) -> None:
    made(wire)
    assert wire.client.delete_function(FunctionName="mine")["StatusCode"] == 204
    assert refused(wire.client.get_function, FunctionName="mine")[0] == "ResourceNotFoundException"
    assert refused(wire.client.delete_function, FunctionName="mine")[0] == "ResourceNotFoundException"
    with database.connection_context():
        assert FunctionCode.select().count() == 0
    made(wire, "return 2")
    assert wire.called("mine")["Payload"] == 2


def test_code_is_kept_once_and_as_long_as_it_is_used(wire: LambdaWire) -> None:
    made(wire, name="a")
    made(wire, name="b")
    wire.client.update_function_code(FunctionName="a", ZipFile=package("return 2"))
    with database.connection_context():
        assert FunctionCode.select().count() == 2
    wire.client.delete_function(FunctionName="b")
    with database.connection_context():
        assert FunctionCode.select().count() == 1
    assert wire.called("a")["Payload"] == 2


def test_a_version_stays_as_it_was_published(wire: LambdaWire) -> None:
    made(wire, "return context.function_version", Publish=True)
    again = wire.client.publish_version(FunctionName="mine")
    assert again["Version"] == "1" and again["FunctionArn"] == f"{ARN}mine:1"
    wire.client.update_function_code(
        FunctionName="mine", ZipFile=package("return [context.function_version, context.invoked_function_arn]")
    )
    two = wire.client.publish_version(FunctionName="mine", Description="second")
    assert (two["Version"], two["Description"]) == ("2", "second")
    assert wire.called("mine", Qualifier="1")["Payload"] == "1"
    answer = wire.called("mine:2")
    assert (answer["Payload"], answer["ExecutedVersion"]) == (["2", f"{ARN}mine:2"], "2")
    assert wire.called("mine")["Payload"][0] == "$LATEST"
    pages = wire.client.get_paginator("list_versions_by_function").paginate(
        FunctionName="mine", PaginationConfig={"PageSize": 2}
    )
    assert [one["Version"] for page in pages for one in page["Versions"]] == ["$LATEST", "1", "2"]
    everything = wire.client.list_functions(FunctionVersion="ALL")["Functions"]
    assert [one["Version"] for one in everything if one["FunctionName"] == "mine"] == ["$LATEST", "1", "2"]
    wire.client.delete_function(FunctionName="mine", Qualifier="1")
    assert refused(wire.client.invoke, FunctionName="mine:1")[0] == "ResourceNotFoundException"


def test_a_revision_that_is_not_the_latest_changes_nothing(wire: LambdaWire) -> None:
    first = made(wire)["RevisionId"]
    wire.client.update_function_configuration(FunctionName="mine", Description="a", RevisionId=first)
    for act, given in (
        (wire.client.update_function_configuration, {"Description": "b"}),
        (wire.client.update_function_code, {"ZipFile": package("return 2")}),
        (wire.client.publish_version, {}),
    ):
        code, _, status = refused(act, FunctionName="mine", RevisionId=first, **given)
        assert (code, status) == ("PreconditionFailedException", 412)
    assert wire.client.get_function_configuration(FunctionName="mine")["Description"] == "a"


def test_a_dry_run_of_new_code_stores_nothing(wire: LambdaWire) -> None:
    before = made(wire)
    wire.client.update_function_code(FunctionName="mine", ZipFile=package("return 2"), DryRun=True)
    assert wire.client.get_function_configuration(FunctionName="mine")["CodeSha256"] == before["CodeSha256"]


@pytest.mark.parametrize("name", ["mine", "step1"])
def test_a_name_is_one_function_s(wire: LambdaWire, name: str) -> None:
    made(wire, name="mine")
    given = {"Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler", "Code": {"ZipFile": package("pass")}}
    refusal = ("ResourceConflictException", f"Function already exist: {name}", 409)
    assert refused(wire.client.create_function, FunctionName=name, **given) == refusal


@pytest.mark.no_rows
def test_a_file_is_not_changed_over_the_wire(wire: LambdaWire) -> None:
    for act, given in (
        (wire.client.delete_function, {}),
        (wire.client.update_function_code, {"ZipFile": package("pass")}),
        (wire.client.update_function_configuration, {"Timeout": 1}),
        (wire.client.publish_version, {}),
        (wire.client.put_function_concurrency, {"ReservedConcurrentExecutions": 1}),
    ):
        assert refused(act, FunctionName="step1", **given)[::2] == ("ResourceConflictException", 409)


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"Runtime": "nodejs22.x"}, "InvalidParameterValueException", "The runtime parameter of nodejs22.x"),
        ({"Handler": None}, "InvalidParameterValueException", "Runtime and Handler are mandatory"),
        ({"Code": {"S3Bucket": "abc", "S3Key": "k"}}, "InvalidParameterValueException", "Code is taken as a ZipFile"),
        ({"Code": {"ZipFile": b"nonsense"}}, "InvalidParameterValueException", "Could not unzip uploaded file."),
        (
            {"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:a:1"]},
            "InvalidParameterValueException",
            "Layers is not",
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x", "_HANDLER": "y"}}},
            "ValidationException",
            "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must",
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used "
            "in this request: AWS_REGION",
        ),
        (
            {"Environment": {"Variables": {"A1": "x" * 4095}}},
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided exceeded the 4KB limit.",
        ),
        ({"Timeout": 901}, "InvalidParameterValueException", "Timeout must be at most 900 seconds."),
        ({"MemorySize": 64}, "ValidationException", "1 validation error detected: Value '64' at 'memorySize'"),
        ({"Role": "me"}, "ValidationException", "1 validation error detected: Value 'me' at 'role'"),
    ],
)
def test_what_cannot_be_made_is_refused_and_not_stored(wire: LambdaWire, given: Json, code: str, says: str) -> None:
    whole = {
        "FunctionName": "mine",
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "app.handler",
        "Code": {"ZipFile": package("return 1")},
        **given,
    }
    sent = {name: value for name, value in whole.items() if value is not None}
    unchecked = client_of(wire.url, parameter_validation=False)
    found, message, status = refused(unchecked.create_function, **sent)
    assert (found, status) == (code, 400) and message.startswith(says)
    assert refused(wire.client.get_function, FunctionName="mine")[0] == "ResourceNotFoundException"


def test_just_4_kb_of_variables_are_taken(wire: LambdaWire) -> None:
    made(wire, "import os; return len(os.environ['A1'])", Environment={"Variables": {"A1": "x" * 4094}})
    assert wire.called("mine")["Payload"] == 4094


def test_tags_are_kept_for_the_function(wire: LambdaWire) -> None:
    made(wire, Tags={"a": "1"})
    wire.client.tag_resource(Resource=f"{ARN}mine", Tags={"b": "2", "c": "3"})
    wire.client.untag_resource(Resource=f"{ARN}mine", TagKeys=["a", "c"])
    assert wire.client.list_tags(Resource=f"{ARN}mine")["Tags"] == {"b": "2"}


# As a Task's resource


def run(wire: LambdaWire, worker: Worker, resource: str, input: Json) -> Json:
    """Runs an execution of one Task until nothing is left; returns its description."""
    states = wire.states
    definition = {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": resource, "End": True}}}
    arn = states.create_state_machine(
        name=f"m{len(states.list_state_machines()['stateMachines'])}", definition=json.dumps(definition), roleArn=ROLE
    )
    begun = states.start_execution(stateMachineArn=arn["stateMachineArn"], input=json.dumps(input))
    worker.run()
    return states.describe_execution(executionArn=begun["executionArn"])


@pytest.mark.parametrize("resource", ["mine", f"{ARN}mine", f"{ARN}mine:$LATEST", f"{ARN}mine:1", "mine:1"])
def test_a_worker_runs_what_was_made_after_it_began(wire: LambdaWire, resource: str) -> None:
    with wire.worker() as worker:
        made(wire, Publish=True)
        done = run(wire, worker, resource, 7)
    assert (done["status"], done.get("output")) == ("SUCCEEDED", "[7,1]")


def test_a_worker_runs_the_newest_code(wire: LambdaWire) -> None:
    with wire.worker() as worker:
        made(wire, "return 'old'")
        assert run(wire, worker, f"{ARN}mine", 1)["output"] == '"old"'
        wire.client.update_function_code(FunctionName="mine", ZipFile=package("return 'new'"))
        assert run(wire, worker, f"{ARN}mine", 2)["output"] == '"new"'


def test_a_function_s_error_is_the_task_s(wire: LambdaWire) -> None:
    made(wire, "raise KeyError('gone')")
    with wire.worker() as worker:
        done = run(wire, worker, f"{ARN}mine", 1)
    assert (done["status"], done["error"]) == ("FAILED", "KeyError")
    assert json.loads(done["cause"])["errorMessage"] == "'gone'"


def test_a_version_that_is_gone_at_the_call_fails_the_task(wire: LambdaWire) -> None:
    made(wire, Publish=True)
    states = wire.states
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": f"{ARN}mine:1", "End": True}}}
    arn = states.create_state_machine(name="gone", definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    wire.client.delete_function(FunctionName="mine", Qualifier="1")
    begun = states.start_execution(stateMachineArn=arn)["executionArn"]
    with wire.worker() as worker:
        worker.run()
    done = states.describe_execution(executionArn=begun)
    assert done["error"] == "Lambda.ResourceNotFoundException"
    assert done["cause"].startswith(f"Function not found: {ARN}mine:1 (Service: AWSLambda; Status Code: 404;")


def test_a_definition_that_calls_nothing_is_refused(wire: LambdaWire) -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": f"{ARN}mine:7", "End": True}}}
    made(wire)
    code, message, _ = refused(
        wire.states.create_state_machine, name="m", definition=json.dumps(definition), roleArn=ROLE
    )
    assert code == "InvalidDefinition" and "mine::7" in message


def test_a_function_in_a_file_is_the_same_by_each_of_its_versions(wire: LambdaWire) -> None:
    with wire.worker() as worker:
        assert run(wire, worker, f"{ARN}step1:PROD", {"data": {"a": 1}})["status"] == "SUCCEEDED"


def test_rest_lists_and_invokes_what_the_wire_has_made(wire: LambdaWire) -> None:
    made(wire, Description="counts", Timeout=7)
    with urlopen(f"{wire.url}/functions") as answer:
        listed = {one["name"]: one for one in json.load(answer)["items"] if one["kind"] == "stored"}
    assert listed == {
        "mine": {
            "name": "mine",
            "kind": "stored",
            "source": f"{ARN}mine",
            "summary": "counts",
            "route": None,
            "timeoutSeconds": 7,
            "retry": None,
        }
    }
    sent = Request(f"{wire.url}/functions/mine/invoke", b"3", {"content-type": "application/json"})
    with urlopen(sent) as answer:
        assert json.load(answer)["result"] == [3, 1]
    functions = wire.runtime.api_context("1").functions
    assert functions.invoke("mine", 3)["result"] == [3, 1]
    with pytest.raises(NotFound):
        functions.invoke("nobody", 3)
