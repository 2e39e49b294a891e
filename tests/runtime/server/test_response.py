from __future__ import annotations

import json

import pytest
from gunicorn.http import errors

from stepwell.functions.errors import Unavailable
from stepwell.runtime.server.response import is_of_client, refusal, refusal_of


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (errors.LimitRequestLine(9000, 8190), 414, "InvalidRequest"),
        (errors.LimitRequestHeaders("too many"), 431, "InvalidRequest"),
        (errors.UnsupportedTransferCoding("x"), 501, "InvalidRequest"),
        (errors.InvalidHeader("x"), 400, "InvalidRequest"),
        (errors.ConfigurationProblem("secret"), 500, "InternalError"),
        (errors.InvalidResponseHeader("secret"), 500, "InternalError"),
        (RuntimeError("secret"), 500, "InternalError"),
    ],
)
def test_a_fault_becomes_an_answer_and_one_of_ours_says_nothing_of_itself(
    fault: Exception, status: int, code: str
) -> None:
    head, _, body = refusal_of(fault).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close\r\nContent-Type: application/json\r\nContent-Length: %d" % len(body) in head
    assert json.loads(body)["error"]["code"] == code
    assert b"secret" not in body
    assert is_of_client(fault) == (status != 500)


def test_an_error_s_own_headers_are_sent() -> None:
    assert b"\r\nretry-after: 1\r\n" in refusal(Unavailable())
