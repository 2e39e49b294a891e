"""The function, with its version or alias, that a call of ``lambda:invoke`` names."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.core.invocations import function_called

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:mine"
CALLS: list[tuple[Any, str | None]] = [
    ({"FunctionName": "mine"}, "mine"),
    ({"FunctionName": "mine", "Qualifier": "PROD"}, "mine::PROD"),
    ({"FunctionName": ARN, "Qualifier": "3"}, "mine::3"),
    ({"FunctionName": f"{ARN}:1", "Qualifier": "3"}, "mine::1"),
    ({"FunctionName": "mine", "Qualifier": "$LATEST"}, "mine"),
    ({"FunctionName": "theirs", "Qualifier": "PROD"}, "stub"),
    ({"FunctionName": "mine", "Qualifier": None}, "mine"),
    ({"FunctionName": 7}, None),
    ({"Payload": {}}, None),
    ("mine", None),
]


@pytest.mark.parametrize(("arguments", "function"), CALLS)
def test_a_call_names_a_function(arguments: Any, function: str | None) -> None:
    assert function_called(arguments, {"theirs": "stub"}) == function
