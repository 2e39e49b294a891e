"""``arn:aws:states:::lambda:invoke``: the function that a call names, and the response that wraps its result.

Source: AWS Step Functions developer guide, "Invoke an AWS Lambda function with Step Functions"; the answer's members as
AWS gives them in recorded histories (aws/aws-cdk#6676; localstack/localstack, tests/aws/services/stepfunctions/v2/
services/test_lambda_task_service.snapshot.json).
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate

from stepwell.runtime.engine.definition.resources import QUALIFIED_BY, function_of, qualified
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.dice import Dice
from stepwell.runtime.engine.values.jsontext import Json


def function_called(arguments: Json, aliases: Mapping[str, str]) -> str | None:
    """The function that a call names, with its version or alias; None when the call names none.

    A version or alias in FunctionName takes precedence over Qualifier.
    """
    name = arguments.get("FunctionName") if isinstance(arguments, dict) else None
    if not isinstance(name, str):
        return None
    function, qualifier = function_of(name, aliases), arguments.get("Qualifier")
    is_open = function == function_of(name) and QUALIFIED_BY not in function
    return qualified(function, qualifier) if is_open and isinstance(qualifier, str) else function


def event_of(arguments: Mapping[str, Json]) -> Json:
    """The event of the function. A string is read as JSON; an empty one, null and no Payload give an empty object.

    Raises NotJson. Source: the recorded histories of test_invoke and test_invoke_json_values.
    """
    payload = arguments.get("Payload")
    if payload is None or payload == "":
        return {}
    return jsontext.read(payload) if isinstance(payload, str) else payload


def kept_call(arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The call as a line of history keeps it: without a payload that the task's row holds already."""
    payload = arguments.get("Payload")
    is_kept = payload is None or isinstance(payload, str)
    return {"call": dict(arguments)} if is_kept else {"call": {**arguments, "Payload": None}, "payload": "input"}


def whole_call(details: Mapping[str, Json], given: Json) -> Json:
    """The call from a line's ``details``, with its payload put back from ``given``, the input in the task's row."""
    call: Mapping[str, Json] = details["call"]
    if "payload" not in details:
        return call
    return {**call, "Payload": given["event"] if is_event(call) else given}


def is_event(arguments: Mapping[str, Json]) -> bool:
    """True if the call only sends an event to the function and does not wait for its result."""
    return arguments.get("InvocationType") == "Event"


EVENT = "lambda.invoke.Event"
"""The function of a task that sends an event to another function. Its input is ``{"function", "event"}``."""


def unreadable(fault: jsontext.NotJson, execution: str, number: int) -> str:
    """The cause of a payload that is no JSON: Lambda's message, as Step Functions passes it on."""
    message = f"Could not parse request body into json: Could not parse payload into json: {fault}"
    return refused(message, "AWSLambda", 400, UNREADABLE.partition(".")[2], request_of(execution, number))


def refused(message: str, service: str, status: int, code: str, request: str) -> str:
    """The cause of a call that a service has refused with this message, in Step Functions' form.

    Source: localstack/localstack, tests/aws/services/stepfunctions/v2/error_handling/test_task_service_lambda.py, as
    recorded.
    """
    answer = f"Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request}; Proxy: null"
    return f"{message} ({answer})"


def refused_sdk(message: str, service: str, status: int, request: str) -> str:
    """The cause of a call that a service has refused with this message, where the call is made by the SDK."""
    return f"{message} (Service: {service}, Status Code: {status}, Request ID: {request}) (SDK Attempt Count: 1)"


def compact(cause: str | None) -> str | None:
    """The cause of a call whose function has failed: Step Functions writes the function's error without blanks.

    Of a Task that names the function by its ARN it is as the function's runtime wrote it.
    """
    if cause is None or not cause.startswith("{"):
        return cause
    try:
        return jsontext.write(jsontext.read(cause))
    except jsontext.NotJson:
        return cause


UNREADABLE = "Lambda.InvalidRequestContentException"


def request_of(execution: str, number: int, retry: int = 0) -> str:
    """The request id of a task's call of a service: the same for the same arguments."""
    return Dice(0, f"{execution}/{number}/request{f'/{retry}' if retry else ''}").uuid()


def answer(payload: Json, execution: str, number: int, at: int) -> Json:
    """The state's result when the function has returned ``payload`` at this time, in milliseconds since the epoch."""
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


def result(payload: Json, details: Mapping[str, Json], execution: str, number: int) -> Json:
    """The state's result, made from the function's return value and the details of the line of history."""
    if "accepted" in details:
        return accepted(execution, number, details["at"])
    return answer(payload, execution, number, details["at"])


def accepted(execution: str, number: int, at: int) -> Json:
    """The state's result when the event was sent: the function's own end is not known.

    Source: the headers of AWS's 202 responses to Invoke, as SDKs log them.
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
    return f"root=1-{at // 1000:08x}-{Dice(0, f'{execution}/{number}/trace').bits(96):024x};sampled=0"
