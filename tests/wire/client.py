"""The runtime behind an HTTP server, called by genuine boto3. Every answer must fit AWS's model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import flask
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.serving import WSGIRequestHandler, make_server

from stepwell.runtime.app import create_app
from stepwell.runtime.settings import Settings
from tests.runtime.stage import Stage
from tests.wire import model

Json = Any

ROLE = "arn:aws:iam::123456789012:role/states"
COMMON = {
    "ValidationException": 400,
    "SerializationException": 400,
    "UnknownOperationException": 400,
    "ThrottlingException": 400,
    "RequestEntityTooLarge": 413,
    "CrossSite": 403,
    "UnknownHost": 421,
}
"""The errors common to all operations, with their status. AWS's reference lists them apart; the last two are ours."""
END_IS_SEEN_SECONDS = 0.01
"""A server checks this often whether to stop. Its default of half a second would be most of a test's time."""
SESSION = boto3.Session()
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


class QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Wire:
    """``client`` is boto3's; ``stage`` holds the runtime behind the server."""

    def __init__(self, stage: Stage, url: str) -> None:
        self.stage = stage
        self.url = url
        self.client = client_of(url)
        self.faults: list[str] = []

    def made(self, definition: Json, name: str = "play", **options: Any) -> str:
        """Creates a state machine with this definition; returns its ARN."""
        text = definition if isinstance(definition, str) else json.dumps(definition)
        return self.client.create_state_machine(name=name, definition=text, roleArn=ROLE, **options)["stateMachineArn"]

    def ran(self, definition: Json, input: Json = None, **options: Any) -> Json:
        """Runs an execution of this definition until the queue and the timers are empty; returns its description."""
        arn = self.made(definition, **options)
        begun = self.client.start_execution(stateMachineArn=arn, input=json.dumps(input or {}))
        self.stage.run()
        return self.client.describe_execution(executionArn=begun["executionArn"])


def client_of(url: str, **options: Any) -> Any:
    config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, **options)
    return SESSION.client("stepfunctions", endpoint_url=url, config=config, **KEYS)


def refusal(act: Callable[..., Any], **given: Any) -> tuple[str, str]:
    """The code and the message of a call's error. A call without an error fails the test."""
    try:
        answer = act(**given)
    except ClientError as fault:
        return fault.response["Error"]["Code"], fault.response["Error"]["Message"]
    raise AssertionError(f"was answered with {answer}")


@contextmanager
def served(stage: Stage) -> Iterator[Wire]:
    """Serves the stage's runtime until the block ends; then fails if any answer did not fit AWS's model."""
    app = create_app(Settings(), stage.runtime)
    with listening(app) as url:
        wire = Wire(stage, url)
        app.after_request(lambda response: _checked(response, wire.faults))
        yield wire
    assert wire.faults == []


@contextmanager
def listening(app: flask.Flask) -> Iterator[str]:
    """Serves an application until the block ends; yields its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    serving = threading.Thread(target=server.serve_forever, args=(END_IS_SEEN_SECONDS,), daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def _checked(response: Any, faults: list[str]) -> Any:
    target = flask.request.headers.get("x-amz-target", "")
    operation = target.removeprefix("AWSStepFunctions.")
    if operation in model.SERVICE.operation_names:
        faults += faults_of(operation, response.status_code, json.loads(response.get_data()))
        if response.content_type != "application/x-amz-json-1.0" or not response.headers.get("x-amzn-requestid"):
            faults.append(f"{operation}: {response.headers}")
    return response


def faults_of(operation: str, status: int, answer: Json) -> list[str]:
    """The places where an answer differs from AWS's model: the operation's output, or its errors."""
    if status == 200:
        return model.faults(operation, answer)
    known = dict.fromkeys(model.error_codes(operation), 400) | COMMON
    is_known = answer.keys() == {"__type", "message"} and known.get(answer["__type"]) == status
    return [] if is_known else [f"{operation}: {status} {answer} is not among {sorted(known)}"]
