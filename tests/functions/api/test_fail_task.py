from __future__ import annotations

import pytest

from stepwell.functions.api import fail_task
from tests.functions.api.fakes import FakeApi, FakeContext, answer, event


@pytest.mark.parametrize(
    ("body", "passed"),
    [(..., (None, None)), ({}, (None, None)), ({"error": "Boom", "cause": "it broke"}, ("Boom", "it broke"))],
)
def test_hands_error_and_cause_over(body, passed):
    tasks = FakeApi(fail=None)
    assert answer(fail_task, event(path={"token": "tok"}, body=body), FakeContext(tasks=tasks)) is None
    assert tasks.calls == [("fail", ("tok", *passed), {})]
