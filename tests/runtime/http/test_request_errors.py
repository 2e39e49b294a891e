"""The answer explains the caller's faults and outages. The log alone explains ours."""

from __future__ import annotations

import logging

import peewee
import pytest

from stepwell.functions.errors import NotFound, StepwellError, Unavailable
from stepwell.runtime.http.request_errors import error_of

LOG = logging.getLogger("stepwell.test")
AWAY, FAILED = Unavailable(), StepwellError()
NOT_FOUND = NotFound()


@pytest.mark.parametrize(
    ("fault", "error", "logged"),
    [
        (NOT_FOUND, NOT_FOUND, []),
        (peewee.OperationalError("gone"), AWAY, ["GET '/': the database is away (request r1): gone"]),
        (peewee.OperationalError("no such column: x"), FAILED, ["GET '/' failed (request r1)"]),
        (StepwellError("our own"), FAILED, ["GET '/' failed (request r1)"]),
        (KeyError("x"), FAILED, ["GET '/' failed (request r1)"]),
    ],
)
def test_the_error_of_a_fault(
    fault: Exception, error: StepwellError, logged: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert error_of(fault, LOG, "GET '/'", "r1", outage=AWAY, failed=FAILED) is error
    assert [record.getMessage() for record in caplog.records] == logged
    assert [record.exc_info is not None for record in caplog.records] == [error is FAILED for _ in logged]
