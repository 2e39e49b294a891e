"""With access keys every request but the health check needs one: a signature of AWS's, a token, or a login."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.wire.lambda_client import LambdaWire, client_of, refused, served

Json = Any

ID, SECRET = "AKIDMINE", "s3cret/of+sixteen"
KEYS = {"aws_access_key_id": ID, "aws_secret_access_key": SECRET, "region_name": "eu-central-1"}
SECOND = ("second", "another-secret-of-mine")


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaWire]:
    home = tmp_path_factory.mktemp("home")
    (home / "mine" / "api").mkdir(parents=True)
    (home / "mine" / "api" / "hello.py").write_text(
        "ROUTE = 'ANY /hello/{rest+}'\ndef handler(event, context):\n    return 'hello'\n"
    )
    url = f"sqlite:///{home}/stepwell.db"
    with served(url, home, function_paths=(home / "mine",), access_keys=((ID, SECRET), SECOND)) as wire:
        yield wire


def send(wire: LambdaWire, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Json:
    """Sends a request; returns the status, body and headers of its answer."""
    data = None if method in ("GET", "HEAD") else b"{}"
    request = Request(f"{wire.url}{path}", data, {"content-type": "application/json", **(headers or {})}, method=method)
    try:
        with urlopen(request) as answer:
            return answer.status, answer.read(), answer.headers
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read(), refusal.headers


def test_clients_of_aws_sign_with_a_key(wire: LambdaWire) -> None:
    functions, states = client_of(wire.url, keys=KEYS), client_of(wire.url, "stepfunctions", keys=KEYS)
    arn = "arn:aws:lambda:us-east-1:123456789012:function:step1:$LATEST"
    for payload in (b"", b'{"data": "\xc3\xa9"}'):
        assert functions.invoke(FunctionName=arn, Qualifier="$LATEST", Payload=payload, LogType="Tail")
    assert list(functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 3}))
    assert states.list_state_machines()["stateMachines"] == []
    functions.close()
    states.close()


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({**KEYS, "aws_secret_access_key": "another/of+sixteen"}, "InvalidSignatureException"),
        ({**KEYS, "aws_access_key_id": "AKIDTHEIRS"}, "UnrecognizedClientException"),
    ],
)
def test_another_key_opens_nothing(wire: LambdaWire, keys: Json, code: str) -> None:
    functions, states = client_of(wire.url, keys=keys), client_of(wire.url, "stepfunctions", keys=keys)
    assert refused(functions.list_functions)[::2] == (code, 403)
    assert refused(functions.invoke, FunctionName="step1", Payload=b"{}")[::2] == (code, 403)
    assert refused(states.list_state_machines)[::2] == (code, 400)
    functions.close()
    states.close()


def test_nothing_is_answered_without_a_key_but_health(wire: LambdaWire) -> None:
    assert send(wire, "/health")[0] == 200
    for function in wire.runtime.catalog.functions:
        if function.route is None or function.name == "get_health":
            continue
        method, _, path = function.route.partition(" ")
        status, body, headers = send(wire, path.replace("{", "").replace("}", ""), method=method.replace("ANY", "PUT"))
        is_aws = path.startswith("/20")
        assert status == (403 if is_aws else 401), function.route
        if is_aws:
            assert headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
        else:
            assert json.loads(body)["error"]["code"] == "Unauthenticated"
            assert headers["www-authenticate"] == 'Basic realm="Stepwell", charset="UTF-8"'


@pytest.mark.parametrize("path", ["/nowhere", "/health/", "/HEALTH", "/workflows/../health", "/%68ealth"])
def test_nobody_learns_what_there_is(wire: LambdaWire, path: str) -> None:
    assert send(wire, path)[0] == 401
    assert send(wire, "/", method="POST")[0] == 400
    target = {"x-amz-target": "AWSStepFunctions.ListStateMachines"}
    said = json.loads(send(wire, "/", target, "POST")[1])
    assert said == {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"}


@pytest.mark.parametrize(("key_id", "secret"), [(ID, SECRET), SECOND])
def test_a_token_is_a_key_s_id_and_secret(wire: LambdaWire, key_id: str, secret: str) -> None:
    pair = f"{key_id}:{secret}"
    basic = base64.b64encode(pair.encode()).decode()
    for header in (f"Bearer {pair}", f"bearer {pair}", f"Basic {basic}"):
        for path in ("/ready", "/queues", "/hello/you", "/2015-03-31/functions"):
            assert send(wire, path, {"authorization": header})[0] == 200, (header, path)


@pytest.mark.parametrize(
    "given",
    [
        *("Bearer ", f"Bearer {SECRET}", f"Bearer {ID}:", f"Bearer {ID}:{SECRET} x", f"Bearer {ID}:{SECRET}x"),
        *(f"Bearer nobody:{SECRET}", "Bearer :", f"Bearer {ID}:{SECOND[1]}", "Basic !", "Basic ", f"{ID}:{SECRET}"),
        *("Digest x", "\xff"),
    ],
)
def test_what_is_no_key_of_ours_opens_nothing(wire: LambdaWire, given: str) -> None:
    assert send(wire, "/workflows", {"authorization": given})[0] == 401


def test_rest_takes_a_signature_too(wire: LambdaWire) -> None:
    request = AWSRequest("POST", f"{wire.url}/workflows", {"content-type": "application/json"}, data=b"{}")
    SigV4Auth(Credentials(ID, SECRET), "execute-api", "us-east-1").add_auth(request)
    assert send(wire, "/workflows", dict(request.headers.items()), "POST")[0] == 400
    assert send(wire, "/functions/step1/invoke", dict(request.headers.items()), "POST")[0] == 401


def test_a_presigned_url_is_enough(wire: LambdaWire) -> None:
    functions = client_of(wire.url, keys=KEYS)
    url = functions.generate_presigned_url("get_function", {"FunctionName": "step1"}, ExpiresIn=60)
    with urlopen(url) as answer:
        assert json.load(answer)["Configuration"]["FunctionName"] == "step1"
    path = url.removeprefix(wire.url)
    assert send(wire, path.replace("step1", "step2"))[0] == 403
    assert send(wire, path.replace(quote(ID), "AKIDTHEIRS"))[0] == 403
    functions.close()


def signed_at(wire: LambdaWire, moment: datetime, service: str = "lambda", expires: int | None = None) -> Json:
    """Sends GetFunction, signed at this moment for this service; returns the status, the error's type and its message.

    The signature is in a header; with ``expires`` (seconds) it is in the URL.
    """
    request = AWSRequest("GET", f"{wire.url}/2015-03-31/functions/step1")
    signer = SigV4Auth if expires is None else partial(SigV4QueryAuth, expires=expires)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: moment.replace(tzinfo=None))
        signer(Credentials(ID, SECRET), service, "ap-southeast-2").add_auth(request)
    path = request.prepare().url.removeprefix(wire.url)
    status, body, headers = send(wire, path, dict(request.headers.items()))
    return status, headers["x-amzn-errortype"], json.loads(body).get("message", "")


@pytest.mark.parametrize(
    ("ago", "expires", "says"),
    [
        *((0, None, ""), (240, None, ""), (-240, None, ""), (360, None, "Signature expired: ")),
        *((-360, None, "Signature not yet current: "), (3000, 3600, ""), (3700, 3600, "Signature expired: ")),
        (-360, 3600, "Signature not yet current: "),
    ],
)
def test_a_signature_is_good_for_its_time(wire: LambdaWire, ago: int, expires: int | None, says: str) -> None:
    status, kind, message = signed_at(wire, datetime.now(UTC) - timedelta(seconds=ago), expires=expires)
    assert (status, kind) == ((403, "InvalidSignatureException") if says else (200, None))
    assert message.startswith(says)


@pytest.mark.parametrize("expires", [None, 60])
@pytest.mark.parametrize("service", ["s3", "states", "Lambda", "execute-api"])
def test_a_signature_for_another_service_is_none(wire: LambdaWire, service: str, expires: int | None) -> None:
    assert signed_at(wire, datetime.now(UTC), service, expires) == (
        *(403, "InvalidSignatureException"),
        "Credential should be scoped to correct service: 'lambda'.",
    )


def test_step_functions_wants_its_own_signature(wire: LambdaWire) -> None:
    for service, status in (("states", 200), ("lambda", 400)):
        head = {"content-type": "application/json", "x-amz-target": "AWSStepFunctions.ListStateMachines"}
        request = AWSRequest("POST", f"{wire.url}/", head, data=b"{}")
        SigV4Auth(Credentials(ID, SECRET), service, "us-east-1").add_auth(request)
        assert send(wire, "/", dict(request.headers.items()), "POST")[0] == status


def test_a_body_that_was_changed_on_its_way_is_refused(wire: LambdaWire) -> None:
    target, body = "/2015-03-31/functions/step1/invocations", b'{"data": 1}'
    request = AWSRequest("POST", f"{wire.url}{target}", {"content-type": "application/json"}, data=body)
    SigV4Auth(Credentials(ID, SECRET), "lambda", "us-east-1").add_auth(request)
    headers = dict(request.headers.items())
    for extra in ({}, {"x-amz-content-sha256": hashlib.sha256(b"{}").hexdigest()}):
        status, _, said = send(wire, target, {**headers, **extra}, "POST")  # its body is {}, not the signed one
        assert status == 403 and said["x-amzn-errortype"] in (
            "InvalidSignatureException",
            "IncompleteSignatureException",
        )


def test_a_refused_request_changes_nothing(wire: LambdaWire) -> None:
    wrong = {**KEYS, "aws_secret_access_key": "another/of+sixteen"}
    functions = client_of(wire.url, keys=wrong)
    assert refused(functions.put_function_concurrency, FunctionName="x", ReservedConcurrentExecutions=1)[2] == 403
    functions.close()
    body = {"authorization": f"Bearer {ID}:wrong-secret-of-mine"}
    assert send(wire, "/workflows", body, "POST")[0] == 401
