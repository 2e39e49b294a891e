from __future__ import annotations

from stepwell.functions.api import list_functions
from tests.functions.api.fakes import FUNCTION, FakeApi, FakeContext, answer, event


def test_shows_every_function():
    shown = answer(list_functions, event(), FakeContext(functions=FakeApi(list=[FUNCTION])))
    assert shown["items"] == [
        {
            "name": "step1",
            "kind": "step",
            "source": "functions/steps/step1.py",
            "summary": "Echo.",
            "route": None,
            "timeoutSeconds": 30.0,
            "retry": {"maxAttempts": 2},
        }
    ]
