"""Signatures from botocore's own signer are accepted. A request that differs from the signed one is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from stepwell.functions.errors import Unauthenticated
from stepwell.runtime.http import sigv4
from stepwell.runtime.http.sigv4 import Signed

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SERVICES = ("lambda", "states", "execute-api")


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: AT.replace(tzinfo=None))


def signed(
    method: str = "POST",
    target: str = "/2015-03-31/functions/a/invocations",
    body: bytes = b"{}",
    headers: dict[str, str] | None = None,
    *,
    secret: str = SECRET,
    service: str = "lambda",
    expires: int | None = None,
) -> Signed:
    """A request, signed by botocore, in the form that a server gets."""
    request = AWSRequest(method, f"http://127.0.0.1:3000{target}", headers or {}, data=body)
    assert expires is None or not body, "botocore presigns requests without a body"
    credentials = Credentials(ID, secret)
    signer = SigV4Auth if expires is None else lambda *given: SigV4QueryAuth(*given, expires=expires)
    signer(credentials, service, "eu-central-1").add_auth(request)
    seen = {name.lower(): value for name, value in request.headers.items()}
    url = urlsplit(request.url)
    return Signed(method, url.path, url.query, {"host": "127.0.0.1:3000", **seen})


def check(request: Signed, body: bytes = b"{}", now: datetime = AT, secret: str = SECRET) -> None:
    claim = sigv4.claim_of(request)
    assert claim is not None and claim.key_id == ID
    sigv4.check_names(request, claim)
    sigv4.check_time(claim, now)
    sigv4.check_signature(request, claim, secret, body)


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(Unauthenticated) as caught:
        act()
    return caught.value.aws_code


TARGETS = [
    "/",
    "/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:a:PROD/invocations",
    "/2015-03-31/functions/a%3A%24LATEST/invocations?Qualifier=%24LATEST",
    "/executions?status=FAILED&limit=5&limit=10&a=&b",
    "/a//b/./c/../d/?x=%20y&x=%2B&X=1",
    "/r%C3%A9sum%C3%A9/~a-b_c.d?q=%C3%A9&q=~",
    "/workflows/",
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("expires", [None, 60])
def test_what_botocore_has_signed_is_taken(target: str, expires: int | None) -> None:
    for service in SERVICES:
        headers = {"X-Amz-Target": "A.B", "Content-Type": "application/json", "X-Odd": "  two   spaces "}
        body = b"{}" if expires is None else b""
        check(signed("POST", target, body, headers, service=service, expires=expires), body)


@pytest.mark.parametrize("body", [b"", b"\0\xff", b"x" * 100_000])
def test_any_body_is_taken_that_was_signed(body: bytes) -> None:
    check(signed(body=body), body)
    assert refusal(lambda: check(signed(body=body), body + b" ")) == "InvalidSignatureException"


def test_a_presigned_request_has_the_body_that_was_signed() -> None:
    assert refusal(lambda: check(signed(body=b"", expires=60), b"{}")) == "InvalidSignatureException"


@pytest.mark.parametrize("seed", range(40))
def test_requests_of_all_kinds_are_taken_and_none_that_was_changed(seed: int) -> None:
    dice = random.Random(seed)
    letters = "abcXYZ019-_.~ /+=&%é:@!$'()*,;"

    def word() -> str:
        return "".join(dice.choice(letters) for _ in range(dice.randint(1, 12)))

    path = "/" + "/".join(quote(word(), safe=dice.choice(["", ":@"])) for _ in range(dice.randint(0, 4)))
    query = "&".join(f"{quote(word(), safe='-_.~')}={quote(word(), safe='-_.~')}" for _ in range(dice.randint(0, 4)))
    headers = {f"X-Amz-{n}": word().strip() or "-" for n in range(dice.randint(0, 3))}
    headers = {name: value.encode("ascii", "ignore").decode() or "-" for name, value in headers.items()}
    expires = dice.choice([None, 300])
    body = dice.randbytes(dice.randint(0, 40)) if expires is None else b""
    target = f"{path}?{query}" if query else path
    request = signed(dice.choice(["GET", "PUT", "POST"]), target, body, headers, expires=expires)
    check(request, body)
    changes: list[Signed] = [
        replace(request, method="DELETE"),
        replace(request, path=request.path + "x"),
        replace(request, query=f"{request.query}&z=1"),
        replace(request, headers={**request.headers, "host": "elsewhere"}),
        replace(request, headers={**request.headers, "x-amz-new": "1"}),
        *(replace(request, headers={**request.headers, name.lower(): "changed"}) for name in headers),
    ]
    for changed in changes:
        assert refusal(lambda changed=changed: check(changed, body)).endswith("SignatureException")


@pytest.mark.parametrize("expires", [None, 60])
def test_another_secret_s_signature_is_none(expires: int | None) -> None:
    request = signed(body=b"", secret="another" * 4, expires=expires)
    assert refusal(lambda: check(request, b"")) == "InvalidSignatureException"


@pytest.mark.parametrize(("seconds", "is_good"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_a_signature_is_good_for_five_minutes_each_way(seconds: int, is_good: bool) -> None:
    request = signed()
    if is_good:
        check(request, now=AT + timedelta(seconds=seconds))
    else:
        assert refusal(lambda: check(request, now=AT + timedelta(seconds=seconds))) == "InvalidSignatureException"


@pytest.mark.parametrize(("seconds", "is_good"), [(-301, False), (-300, True), (0, True), (900, True), (901, False)])
def test_a_presigned_request_is_good_for_as_long_as_it_says(seconds: int, is_good: bool) -> None:
    request, now = signed(body=b"", expires=900), AT + timedelta(seconds=seconds)
    if is_good:
        check(request, b"", now)
    else:
        assert refusal(lambda: check(request, b"", now)) == "InvalidSignatureException"


@pytest.mark.parametrize("expires", [0, 604_801, -1])
def test_a_presigned_request_lasts_a_week_at_most(expires: int) -> None:
    assert refusal(lambda: check(signed(body=b"", expires=expires), b"")) == "IncompleteSignatureException"


@pytest.mark.parametrize("digest", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "0" * 64, ""])
def test_a_body_that_is_not_signed_is_refused(digest: str) -> None:
    request = signed(headers={"X-Amz-Content-SHA256": digest})
    assert refusal(lambda: check(request)) == "InvalidSignatureException"


def test_what_decides_must_be_signed() -> None:
    request = signed()
    smuggled = replace(request, headers={**request.headers, "x-amz-target": "AWSStepFunctions.StopExecution"})
    assert refusal(lambda: check(smuggled)) == "IncompleteSignatureException"


AUTHORIZATION = signed().headers["authorization"]


@pytest.mark.parametrize(
    "given",
    [
        AUTHORIZATION.replace("Credential=", "Credentials="),
        AUTHORIZATION.replace("20261124", "20261123"),
        AUTHORIZATION.replace("/aws4_request", "/aws5_request"),
        AUTHORIZATION.replace("SignedHeaders=host", "SignedHeaders=Host"),
        AUTHORIZATION.replace("SignedHeaders=", "SignedHeaders=missing;"),
        AUTHORIZATION.replace("SignedHeaders=host;", "SignedHeaders="),
        AUTHORIZATION.replace("Signature=", "Signature=0"),
        AUTHORIZATION[:-1] + "G",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 =,=,=",
    ],
)
def test_half_a_signature_is_told_from_a_wrong_one(given: str) -> None:
    request = signed()
    changed = replace(request, headers={**request.headers, "authorization": given})
    assert refusal(lambda: check(changed)) == "IncompleteSignatureException"


@pytest.mark.parametrize("stamp", ["", "now", "20261124T250000Z", "20261124", "20261124T100000"])
def test_a_time_that_is_none_is_refused(stamp: str) -> None:
    request = signed()
    changed = replace(request, headers={**request.headers, "x-amz-date": stamp})
    assert refusal(lambda: check(changed)) == "IncompleteSignatureException"


def test_without_a_signature_there_is_no_claim() -> None:
    assert sigv4.claim_of(Signed("GET", "/", "a=1", {"authorization": "Bearer x"})) is None
