"""``arn:aws:states:::lambda:invoke``: which function a call asks for, and the answer that its result is wrapped in.

Source: AWS Step Functions developer guide, "Invoke an AWS Lambda function with Step Functions"; the answer's members as
AWS gives them in recorded histories.
"""

from __future__ import annotations

from typing import Any

from runtime.engine import jsontext
from runtime.engine.chance import Chance
from runtime.engine.resources import function_of

Json = Any


def called(arguments: Json) -> tuple[str, Json] | None:
    """The function and the payload that a call names; None when it names no function."""
    name = arguments.get("FunctionName") if isinstance(arguments, dict) else None
    return (function_of(name), arguments.get("Payload", {})) if isinstance(name, str) else None


def request_of(execution: str, number: int) -> str:
    """The id of the request that a task makes of a service."""
    return Chance(0, f"{execution}/{number}/request").uuid()


def answer(payload: Json, execution: str, number: int) -> Json:
    """What the state's result is when the function has returned ``payload`` to this task of an execution."""
    request = request_of(execution, number)
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(jsontext.size(jsontext.write(payload))),
        "Content-Type": "application/json",
        "X-Amz-Executed-Version": "$LATEST",
        "x-amzn-RequestId": request,
    }
    return {
        "ExecutedVersion": "$LATEST",
        "Payload": payload,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request},
        "StatusCode": 200,
    }
