"""Any answer of a child becomes an outcome in Step Functions' words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepwell.runtime.invoke.outcome import read_answer
from stepwell.runtime.invoke.target import Invocation, Target

INVOCATION = Invocation(Target("send", Path("send.py"), "send"), "{}", "task/1", "0f9e")


def test_an_error_without_a_type_is_unknown():
    outcome = read_answer({"error": {"errorMessage": "odd"}}, INVOCATION, 100)
    assert outcome.error == "Lambda.Unknown"
    assert outcome.cause == (
        "The cause could not be determined because Lambda did not return an error type. "
        'Returned payload: {"errorMessage": "odd"}'
    )


@pytest.mark.parametrize("answer", [{}, {"result": 1}, {"error": "x"}, {"odd": None}])
def test_an_answer_that_is_none_is_an_exit(answer: dict[str, Any]):
    assert read_answer(answer, INVOCATION, 100).error == "Runtime.ExitError"


def test_error_and_cause_are_bounded():
    error = {"errorMessage": "m" * 50_000, "errorType": "T" * 1000}
    outcome = read_answer({"error": error}, INVOCATION, 100)
    assert (len(outcome.error or ""), len(outcome.cause or "")) == (256, 32_768)
