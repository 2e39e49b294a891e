"""``arn:aws:states:::lambda:invoke``: which function a call asks for, and the answer that its result is wrapped in.

Source: AWS Step Functions developer guide, "Invoke an AWS Lambda function with Step Functions"; the answer's members as
AWS gives them in recorded histories (aws/aws-cdk#6676; localstack/localstack, tests/aws/services/stepfunctions/v2/
services/test_lambda_task_service.snapshot.json).
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from runtime.engine import jsontext
from runtime.engine.chance import Chance
from runtime.engine.resources import QUALIFIED_BY, function_of, qualified

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
    return {**call, "Payload": given} if "payload" in details else call


def unreadable(fault: jsontext.NotJson, execution: str, number: int) -> str:
    """Lambda's word for a payload that is no JSON, as Step Functions passes it on."""
    request = f"Request ID: {request_of(execution, number)}; Proxy: null"
    where = f"(Service: AWSLambda; Status Code: 400; Error Code: {UNREADABLE.partition('.')[2]}; {request})"
    return f"Could not parse request body into json: Could not parse payload into json: {fault} {where}"


UNREADABLE = "Lambda.InvalidRequestContentException"


def request_of(execution: str, number: int) -> str:
    """The id of the request that a task makes of a service."""
    return Chance(0, f"{execution}/{number}/request").uuid()


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
