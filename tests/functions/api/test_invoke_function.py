from __future__ import annotations

import pytest

from stepwell.functions.api import invoke_function
from tests.functions.api.fakes import FakeApi, FakeContext, answer, event

OUTCOME = {"result": {"ok": True}, "logs": "hello\n", "seconds": 0.01}


@pytest.mark.parametrize(("body", "passed"), [(..., {}), ({"data": 1}, {"data": 1}), (0, 0), ([], [])])
def test_the_body_is_the_event(body, passed):
    functions = FakeApi(invoke=OUTCOME)
    shown = answer(invoke_function, event(path={"name": "step1"}, body=body), FakeContext(functions=functions))
    assert shown == OUTCOME
    assert functions.calls == [("invoke", ("step1", passed), {})]


def test_a_function_that_fails_is_answered_too():
    failed = {"error": "Boom", "cause": "{}", "logs": "", "seconds": 0.01}
    shown = answer(invoke_function, event(path={"name": "step1"}), FakeContext(functions=FakeApi(invoke=failed)))
    assert shown["error"] == "Boom"
