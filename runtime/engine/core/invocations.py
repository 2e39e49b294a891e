"""``arn:aws:states:::lambda:invoke``: which function a call asks for, and the answer that its result is wrapped in.

Source: AWS Step Functions developer guide, "Invoke an AWS Lambda function with Step Functions"; the answer's members as
AWS gives them in recorded histories (aws/aws-cdk#6676; localstack/localstack, tests/aws/services/stepfunctions/v2/
services/test_lambda_task_service.snapshot.json).
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from stepwell.runtime.engine.definition.resources import QUALIFIED_BY, function_of, qualified
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.dice import Chance

Json = Any


def function_called(arguments: Json, aliases: Mapping[str, str]) -> str | None:
    """The function that a call names, of the version or alias that it names; None when it names none.

    One that FunctionName names itself goes before one in Qualifier.
    """
    name = arguments.get("FunctionName") if isinstance(arguments, dict) else None
    if not isinstance(name, str):
        return None
    function, qualifier = function_of(name, aliases), arguments.get("Qualifier")
    is_open = function == function_of(name) and QUALIFIED_BY not in function
    return qualified(function, qualifier) if is_open and isinstance(qualifier, str) else function


def event_of(arguments: Mapping[str, Json]) -> Json:
    """What the function is called with: a text is the JSON of it, nothing and null are an empty object.

    Raises NotJson. Source: the recorded histories of test_invoke and test_invoke_json_values.
    """
    payload = arguments.get("Payload")
    if payload is None or payload == "":
        return {}
    return jsontext.read(payload) if isinstance(payload, str) else payload


def said(arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The call as a line of history keeps it, which has no room for a payload that the task's row holds already."""
    payload = arguments.get("Payload")
    is_kept = payload is None or isinstance(payload, str)
    return {"call": dict(arguments)} if is_kept else {"call": {**arguments, "Payload": None}, "payload": "input"}


def told(details: Mapping[str, Json], given: Json) -> Json:
    """The call that a line of history keeps, whole again with what the task's row says the function was given."""
    call: Mapping[str, Json] = details["call"]
    if "payload" not in details:
        return call
    return {**call, "Payload": given["event"] if is_event(call) else given}


def is_event(arguments: Mapping[str, Json]) -> bool:
    """Whether the function is only to be handed an event, and nobody waits for it."""
    return arguments.get("InvocationType") == "Event"


EVENT = "lambda.invoke.Event"
"""What a task has for its function that hands an event to one; it is given both: ``{"function", "event"}``."""


def unreadable(fault: jsontext.NotJson, execution: str, number: int) -> str:
    """Lambda's word for a payload that is no JSON, as Step Functions passes it on."""
    told = f"Could not parse request body into json: Could not parse payload into json: {fault}"
    return refused(told, "AWSLambda", 400, UNREADABLE.partition(".")[2], request_of(execution, number))


def refused(told: str, service: str, status: int, code: str, request: str) -> str:
    """What a service says when it refuses a call, as Step Functions tells of it.

    Source: localstack/localstack, tests/aws/services/stepfunctions/v2/error_handling/test_task_service_lambda.py, as
    recorded.
    """
    answer = f"Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request}; Proxy: null"
    return f"{told} ({answer})"


UNREADABLE = "Lambda.InvalidRequestContentException"


def request_of(execution: str, number: int, retry: int = 0) -> str:
    """The id of the request that a task makes of a service."""
    return Chance(0, f"{execution}/{number}/request{f'/{retry}' if retry else ''}").uuid()


def answer(payload: Json, execution: str, number: int, at: int) -> Json:
    """What the state's result is when the function has returned ``payload`` to this task of an execution, then."""
    request = request_of(execution, number)
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(jsontext.size(jsontext.write(payload))),
        "Content-Type": "application/json",
        "Date": formatdate(at // 1000, usegmt=True),
        "X-Amz-Executed-Version": "$LATEST",
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": request,
        "X-Amzn-Trace-Id": _trace(execution, number, at),
    }
    return {
        "ExecutedVersion": "$LATEST",
        "Payload": payload,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [headers[name]] for name in _AS_SENT},
            "HttpHeaders": headers,
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request},
        "StatusCode": 200,
    }


def result(payload: Json, told: Mapping[str, Json], execution: str, number: int) -> Json:
    """The state's result, of what the function returned and what the line of history tells besides."""
    if "accepted" in told:
        return accepted(execution, number, told["at"])
    return answer(payload, execution, number, told["at"])


def accepted(execution: str, number: int, at: int) -> Json:
    """What the state's result is when a function was handed its event: nothing of what becomes of it.

    Source: the headers are those of an Invoke that AWS answers 202, as SDKs log them.
    """
    request = request_of(execution, number)
    headers = {
        "Connection": "keep-alive",
        "Content-Length": "0",
        "Date": formatdate(at // 1000, usegmt=True),
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": request,
        "X-Amzn-Trace-Id": _trace(execution, number, at),
    }
    return {
        "Payload": "",
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [headers[name]] for name in _AS_SENT if name in headers},
            "HttpHeaders": headers,
            "HttpStatusCode": 202,
        },
        "SdkResponseMetadata": {"RequestId": request},
        "StatusCode": 202,
    }


_AS_SENT = (
    "X-Amz-Executed-Version",
    "x-amzn-Remapped-Content-Length",
    "Connection",
    "x-amzn-RequestId",
    "Content-Length",
    "Date",
    "X-Amzn-Trace-Id",
    "Content-Type",
)
"""The order of AllHttpHeaders."""


def _trace(execution: str, number: int, at: int) -> str:
    return f"root=1-{at // 1000:08x}-{Chance(0, f'{execution}/{number}/trace').bits(96):024x};sampled=0"
