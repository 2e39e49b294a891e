"""A runtime with real sandboxes behind an HTTP server, called by genuine boto3. Answers must fit AWS's model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
import flask
from botocore.config import Config
from botocore.exceptions import ClientError

from stepwell.db import queries
from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from stepwell.db.models import Timer
from stepwell.runtime.app import create_app
from stepwell.runtime.assembly import Runtime
from stepwell.runtime.settings import Settings
from tests.runtime.stage import timers
from tests.wire import lambda_model
from tests.wire.client import listening

Json = Any

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
SESSION = boto3.Session()


class LambdaWire:
    """``client`` and ``states`` are boto3's; ``runtime`` serves them."""

    def __init__(self, runtime: Runtime, url: str) -> None:
        self.runtime = runtime
        self.url = url
        self.client = client_of(url)
        self.states = client_of(url, "stepfunctions")
        self.faults: list[str] = []

    def called(self, name: str, event: Json = None, **options: Any) -> Json:
        """Invokes a function; returns the answer with its payload parsed."""
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
        return {**answer, "Payload": json.loads(answer["Payload"].read() or b"null")}

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """One worker slot of the runtime, run by hand."""
        yield Worker(self.runtime)


def client_of(url: str, service: str = "lambda", keys: Json = None, **options: Any) -> Any:
    config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, **options)
    return SESSION.client(service, endpoint_url=url, config=config, **(keys or KEYS))


def refused(act: Callable[..., Any], **given: Any) -> Json:
    """The code, message and status of a call's error. A call without an error fails the test."""
    try:
        answer = act(**given)
    except ClientError as fault:
        error, head = fault.response["Error"], fault.response["ResponseMetadata"]
        return error["Code"], error["Message"], head["HTTPStatusCode"]
    raise AssertionError(f"was answered with {answer}")


@contextmanager
def served(url: str, home: Path, **settings: Any) -> Iterator[LambdaWire]:
    """Serves a new runtime until the block ends; then fails if any answer did not fit AWS's model."""
    connect(url)
    migrate()
    made = Settings(home=home, database_url=url, artifacts_dir=home / "artifacts", outbox_dir=home, **settings)
    runtime = Runtime(made)
    app = create_app(made, runtime)
    with closing(runtime), listening(app) as url:
        wire = LambdaWire(runtime, url)
        app.after_request(lambda response: _checked(response, wire.faults))
        with closing(wire.client), closing(wire.states):
            yield wire
    assert wire.faults == []


def _checked(response: Any, faults: list[str]) -> Any:
    operation = operation_at(flask.request.method, flask.request.path)
    if operation is not None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        faults += lambda_model.answer_faults(operation, response.status_code, headers, response.get_data())
        if not headers.get("x-amzn-requestid"):
            faults.append(f"{operation}: names no request: {headers}")
    return response


def operation_at(method: str, path: str) -> str | None:
    """The operation with this method and path in AWS's model, or None."""
    for name in lambda_model.names():
        http = lambda_model.SERVICE.operation_model(name).http
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(http["requestUri"].partition("?")[0]))
        if http["method"] == method and re.fullmatch(pattern, path.rstrip("/")):
            return name
    return None


class Worker:
    """One worker slot, run by hand."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._work, _ = runtime.worker()

    def run(self) -> None:
        """Runs every queued task, and fires timers as if they were due, until neither is left."""
        while self._runtime.storage.depth() or self.fire_timers():
            if self._runtime.storage.depth():
                self.run_one()

    def run_one(self) -> None:
        """Runs the first queued task and fires no timer."""
        self._work.run(json.loads(self._runtime.storage.dequeue())["task"])

    def delays(self) -> list[int]:
        """The seconds until each timer is due, rounded to tens, in order."""
        with database.connection_context():
            timers = Timer.select().order_by(Timer.due_at)
            return [round((one.due_at - queries.now()) / 10_000) * 10 for one in timers]

    def fire_timers(self) -> int:
        """Fires every timer, due or not; returns their number."""
        return sum(self._runtime.executions.fire(timer) for timer in timers())
