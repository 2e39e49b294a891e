"""Hostile functions, and calls at the same time that conflict. Each failure has AWS's error, affects only its own
caller, and leaves the server as it was.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stepwell.runtime.settings import Limits
from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres
from tests.runtime.stage import at_once
from tests.services import until
from tests.wire.lambda_client import LambdaWire, client_of, refused, served
from tests.wire.packages import package

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres"]

Json = Any

ROLE = "arn:aws:iam::123456789012:role/lambda"
RETURNS_1 = {"app.py": "import json\ndef handler(event, context):\n    return 1\n"}


@pytest.fixture
def wire(empty_url: str, tmp_path: Path) -> Iterator[LambdaWire]:
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code") as wire:
        yield wire


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaWire]:
    """One server for all tests that do not depend on the database."""
    home = tmp_path_factory.mktemp("home")
    with served(f"sqlite:///{home}/stepwell.db", home / "home", code_dir=home / "code") as wire:
        yield wire


def made(wire: LambdaWire, code: Json, name: str = "mine", **options: Any) -> Json:
    chosen = {"Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler", **options}
    return wire.client.create_function(FunctionName=name, Code={"ZipFile": package(code)}, **chosen)


@pytest.fixture
def called(one: LambdaWire, request: pytest.FixtureRequest) -> Any:
    """Calls a new function. After the test, a call of another function must still succeed."""
    name = f"f{hashlib.sha256(request.node.name.encode()).hexdigest()[:16]}"

    def call(code: Json, **options: Any) -> Json:
        made(one, code, name, **options)
        return one.called(name, 7)

    yield call
    one.client.delete_function(FunctionName=name)
    assert one.called("step1", {"data": {}})["StatusCode"] == 200


# Hostile packages


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("import time\ntime.sleep(600)\n", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ("import sys\nsys.exit(3)\n", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("import os\nos._exit(0)\n", "Runtime.ExitError", "Runtime exited without providing a reason"),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
            "Runtime.ExitError",
            "Runtime exited with error: signal: segmentation fault",
        ),
        ("class X(BaseException): pass\nraise X()\n", "Runtime.ExitError", "Runtime exited with error: exit status 1"),
        (
            "def handler(:\n",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': invalid syntax (app.py, line 1)",
        ),
        ("\0", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("1/0\n", "ZeroDivisionError", "division by zero"),
        ("import nowhere\n", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nowhere'"),
        ("handler = 7\n", "TypeError", "'int' object is not callable"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_by_the_call(called: Any, code: str, kind: str, says: str) -> None:
    answer = called({"app.py": code}, Timeout=1 if "sleep" in code else 30)
    assert (answer["FunctionError"], answer["Payload"]["errorType"]) == ("Unhandled", kind)
    assert says in answer["Payload"]["errorMessage"]


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        *((name, "Runtime.HandlerNotFound") for name in ("app.", "app.missing", "app.__doc__")),
        *((name, "Runtime.MalformedHandlerName") for name in ("handler", ".handler")),
        *((name, "Runtime.ImportModuleError") for name in ("..handler", "/etc/passwd.handler", "é.handler")),
        *((name, "Runtime.ImportModuleError") for name in ("-c.handler", "app.handler.x", "app/../app.handler")),
        (f"{'a' * 120}.b", "Runtime.ImportModuleError"),
        ("string.handler", "Runtime.BuiltInModuleConflict"),
        ("app.json", "TypeError"),
    ],
)
def test_a_handler_s_name_that_is_none_is_told_by_the_call(called: Any, handler: str, kind: str) -> None:
    answer = called({**RETURNS_1, "string.py": "def handler(event, context): return 2\n"}, Handler=handler)
    assert (answer["FunctionError"], answer["Payload"]["errorType"]) == ("Unhandled", kind)


@pytest.mark.parametrize(
    "name", ["json", "os", "socket", "invocation", "child", "runtime/__init__", "functions/__init__"]
)
def test_a_package_s_own_files_do_not_stand_in_for_ours(called: Any, name: str) -> None:
    assert called({**RETURNS_1, f"{name}.py": "1/0\n"})["Payload"] == 1


@pytest.mark.parametrize(
    ("variables", "is_run"),
    [
        ({"PYTHONHOME": "/nowhere"}, False),
        ({"PATH": "", "HOME": "x", "LD_PRELOAD": "/nowhere.so", "PYTHONPATH": "/nowhere"}, True),
        ({"PYTHONSTARTUP": "/nowhere", "PYTHONINSPECT": "1", "PYTHONVERBOSE": "1"}, True),
        ({"A1": "é\n☃"}, True),
        ({f"A{number}": "x" for number in range(800)}, True),
    ],
)
def test_variables_spoil_their_own_function_at_most(called: Any, variables: Json, is_run: bool) -> None:
    answer = called(RETURNS_1, Environment={"Variables": variables})
    assert answer["Payload"] == 1 if is_run else answer["Payload"]["errorType"] == "Runtime.ExitError"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Environment": {"Variables": {"A1": "x\0y"}}}, "SerializationException"),
        ({"Environment": {"Variables": {"A1": "\ud800"}}}, "SerializationException"),
        ({"Environment": {"Variables": {"A=B": "1"}}}, "ValidationException"),
        ({"Environment": {"Variables": {"1A": "1"}}}, "ValidationException"),
        ({"Environment": {"Variables": {"LAMBDA_TASK_ROOT": "/"}}}, "InvalidParameterValueException"),
        ({"Environment": {"Variables": {"AWS_SESSION_TOKEN": "x"}}}, "InvalidParameterValueException"),
        (
            {"Environment": {"Variables": {f"A{number}": "x" * 100 for number in range(1000)}}},
            "InvalidParameterValueException",
        ),
        ({"Environment": {"Variables": ["A1"]}}, "SerializationException"),
        ({"Handler": "app.\0"}, "SerializationException"),
        ({"Handler": "a b.handler"}, "ValidationException"),
        ({"Handler": "a" * 129}, "ValidationException"),
        ({"Description": "x" * 257}, "ValidationException"),
        ({"Tags": {"a\0": "b"}}, "SerializationException"),
        ({"Timeout": 0}, "ValidationException"),
        ({"Timeout": 2**70}, "SerializationException"),
        ({"MemorySize": 1e300}, "SerializationException"),
        ({"FunctionName": "a" * 141}, "ValidationException"),
        ({"FunctionName": "../mine"}, "ValidationException"),
        ({"Code": {"ZipFile": "not base64!"}}, "SerializationException"),
        ({"Code": {}}, "InvalidParameterValueException"),
        ({"Code": []}, "SerializationException"),
    ],
)
def test_what_nobody_could_keep_is_refused(one: LambdaWire, given: Json, code: str) -> None:
    zipped = base64.b64encode(package(RETURNS_1)).decode()
    whole = {"FunctionName": "nobody", "Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler"}
    body = json.dumps({**whole, "Code": {"ZipFile": zipped}, **given})
    status, kind, _ = sent(one, "POST", "/2015-03-31/functions", body.encode())
    assert (status, kind) == (400, code)
    assert refused(one.client.get_function, FunctionName="nobody")[0] == "ResourceNotFoundException"


def sent(wire: LambdaWire, method: str, path: str, body: bytes) -> tuple[int, str, Json]:
    """Sends a request; returns the status, the error's name and the body of its answer."""
    connection = HTTPConnection(wire.url.removeprefix("http://"))
    connection.request(method, path, body)
    answer = connection.getresponse()
    found = answer.status, answer.headers["x-amzn-errortype"], json.loads(answer.read())
    connection.close()
    return found


@pytest.mark.parametrize("more", [0, 1])
def test_an_upload_has_70_mb_with_its_base64(one: LambdaWire, more: int) -> None:
    limit = Limits().code_body
    head = b'{"FunctionName": "mine", "Code": {"ZipFile": "'
    body = head + b"A" * (limit + more - len(head))
    status, kind, said = sent(one, "POST", "/2015-03-31/functions", body)
    if more:
        assert (status, kind) == (413, "RequestTooLargeException") and str(limit) in said["message"]
    else:
        assert (status, kind) == (400, "SerializationException")


# Concurrent calls


def test_each_of_many_updates_at_once_is_a_version_of_its_own(wire: LambdaWire) -> None:
    made(wire, "return 0")
    clients = [client_of(wire.url) for _ in range(8)]

    def update(number: int) -> tuple[int, str]:
        code = package(f"return {number + 1}")
        answer = clients[number].update_function_code(FunctionName="mine", ZipFile=code, Publish=True)
        return number + 1, answer["Version"]

    done = at_once(*(lambda number=number: update(number) for number in range(8)))
    assert sorted(int(version) for _, version in done) == list(range(1, 9))
    for number, version in done:
        assert wire.called("mine", Qualifier=version)["Payload"] == number
    assert wire.called("mine")["Payload"] == dict((version, number) for number, version in done)["8"]
    for client in clients:
        client.close()


def test_of_many_updates_of_one_revision_one_is_made(wire: LambdaWire) -> None:
    revision = made(wire, "return 0")["RevisionId"]
    clients = [client_of(wire.url) for _ in range(8)]

    def update(number: int) -> str:
        try:
            code = package(f"return {number + 1}")
            clients[number].update_function_code(FunctionName="mine", ZipFile=code, RevisionId=revision)
        except ClientError as fault:
            return str(fault.response["Error"]["Code"])
        return f"made {number + 1}"

    done = sorted(at_once(*(lambda number=number: update(number) for number in range(8))))
    assert done[:7] == ["PreconditionFailedException"] * 7
    assert f"made {wire.called('mine')['Payload']}" == done[7]
    for client in clients:
        client.close()


def test_of_many_creations_of_one_name_one_is_made(wire: LambdaWire) -> None:
    clients = [client_of(wire.url) for _ in range(8)]
    given = {"Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler"}

    def create(number: int) -> str:
        try:
            code = {"ZipFile": package(f"return {number}")}
            clients[number].create_function(FunctionName="mine", Code=code, **given)
        except ClientError as fault:
            return str(fault.response["Error"]["Code"])
        return f"made {number}"

    done = sorted(at_once(*(lambda number=number: create(number) for number in range(8))))
    assert done[:7] == ["ResourceConflictException"] * 7
    assert f"made {wire.called('mine')['Payload']}" == done[7]
    for client in clients:
        client.close()


def test_a_function_that_is_deleted_or_replaced_while_it_runs_ends_as_it_began(
    wire: LambdaWire, tmp_path: Path
) -> None:
    gate, seen = tmp_path / "gate", tmp_path / "seen"
    waits = (
        f"import os, time\n    open({str(seen)!r}, 'a').write('.')\n"
        f"    while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n    import beside\n    return beside.WORD"
    )
    code = {"app.py": f"def handler(event, context):\n    {waits}\n", "beside.py": "WORD = 'first'\n"}
    made(wire, code, Timeout=60)
    with ThreadPoolExecutor(2) as pool:
        try:
            replaced = pool.submit(wire.called, "mine")
            until(seen.exists, "the function runs")
            wire.client.update_function_code(
                FunctionName="mine", ZipFile=package({**code, "beside.py": "WORD = 'second'\n"})
            )
            deleted = pool.submit(wire.called, "mine")
            until(lambda: seen.read_text() == "..", "the new one runs too")
            wire.client.delete_function(FunctionName="mine")
            assert refused(wire.client.invoke, FunctionName="mine")[0] == "ResourceNotFoundException"
        finally:
            gate.touch()
        assert (replaced.result()["Payload"], deleted.result()["Payload"]) == ("first", "second")
    made(wire, "return 'third'")
    assert wire.called("mine")["Payload"] == "third"


def test_code_that_vanished_from_the_disk_is_unpacked_again(wire: LambdaWire, tmp_path: Path) -> None:
    made(wire, "return 1")
    assert wire.called("mine")["Payload"] == 1
    (root,) = (tmp_path / "code").iterdir()
    os.rename(root, tmp_path / "elsewhere")
    made(wire, "return 1", name="other")
    assert wire.called("other")["Payload"] == 1
