"""The web process from an attacker's side: every route of the catalog, with any bytes as the request."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import flask
from werkzeug.test import create_environ, run_wsgi_app

from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from stepwell.db.models import TABLES
from stepwell.runtime.app import create_app
from stepwell.runtime.assembly import Runtime, build
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.http.routes import Route
from stepwell.runtime.settings import Settings

Json = Any

JSON = {"content-type": "application/json"}
WORKFLOW, STEP, ARTIFACT = "kept", "step1", "kept.txt"
DEFINITION = {"steps": [{"taskName": STEP}]}
WAITS_FOR_TOKEN = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": STEP, "Payload": {"token.$": "$$.Task.Token"}},
            "End": True,
        }
    },
}
COUNTED = [table._meta.table_name for table in TABLES]
COUNTS = f"SELECT {', '.join(f'(SELECT count(*) FROM {name})' for name in COUNTED)}"
SLOWEST_SECONDS = 2.0 if "coverage" not in sys.modules else 5.0
"""CPU time, not wall time: a busy machine must not fail the test. Counting lines takes as much again."""
LONGEST_MESSAGE = 600
MOST_FAULTS = 100

# A valid body for each of these routes; an empty object is valid for the others.
BODIES: Mapping[str, Json] = {
    "POST /workflows": {"name": WORKFLOW, "definition": DEFINITION},
    "POST /workflows/{name}/execute": {"input": {"n": 1}},
    "POST /flows": {"name": STEP, "children": [{"name": STEP}], "opts": {"attempts": 2}},
    "POST /functions/{name}/invoke": {"data": {}},
    "POST /tasks/{token}/success": {"output": 1},
    "POST /tasks/{token}/failure": {"error": "E", "cause": "c"},
}


@dataclass(frozen=True)
class Ask:
    """One request, sent exactly as it is: no layer checks or repairs it."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: str | None = None
    """A false value for Content-Length. None sends the true one."""

    def with_headers(self, headers: Mapping[str, str]) -> Ask:
        return replace(self, headers={**self.headers, **headers})

    def with_query(self, query: str) -> Ask:
        return replace(self, target=f"{self.target}?{query}")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    seconds: float
    logged: Sequence[logging.LogRecord]

    @property
    def json(self) -> Json:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for own, value in self.headers if own.lower() == name), None)


class Web:
    """The web process, called without a socket, with row counts of its database."""

    def __init__(self, runtime: Runtime, app: flask.Flask) -> None:
        self.runtime = runtime
        self.catalog: Catalog = runtime.catalog
        self._app = app
        self.parameters: dict[tuple[str, str], str] = {}
        self.furnish()

    def ask(self, ask: Ask) -> Answer:
        """Sends a request; returns its answer, with the CPU seconds it took and the records in the server's log."""
        records: list[logging.LogRecord] = []
        with _overheard(records):
            began = time.thread_time()
            parts, status, headers = run_wsgi_app(self._app, _environ(ask), buffered=True)
            body = b"".join(parts)
            return Answer(int(status.split()[0]), headers.to_wsgi_list(), body, time.thread_time() - began, records)

    def send(self, method: str, target: str, body: Json = None, **headers: str) -> Answer:
        """Sends a request with a JSON body, as a client would."""
        text = b"" if body is None else json.dumps(body).encode()
        return self.ask(Ask(method, target, {**(JSON if text else {}), **headers}, text))

    def valid(self, route: Route) -> Ask:
        """A valid request for this route."""
        body = BODIES.get(route.key, {} if self.catalog.routes[route].body is not None else None)
        text = b"" if body is None else json.dumps(body).encode()
        method = "POST" if route.method == "ANY" else route.method
        return Ask(method, self.target(route), JSON if text else {}, text)

    def target(self, route: Route, **hostile: str) -> str:
        """The route's path with its variables filled in: existing objects, or these hostile values, already encoded."""
        first = route.segments[0].text
        parts = []
        for segment in route.segments:
            known = self.parameters.get((first, segment.text), "x")
            is_literal = f"{{{segment.text}" not in route.path
            parts.append(segment.text if is_literal else hostile.get(segment.text, quote(known, safe="")))
        return "/" + "/".join(parts)

    def counts(self) -> dict[str, int]:
        """The number of rows in each table."""
        with database.connection_context():
            return dict(zip(COUNTED, database.execute_sql(COUNTS).fetchone(), strict=True))

    def furnish(self) -> None:
        """Creates one object of each kind as a target for attacks."""
        self.runtime.settings.artifacts_dir.mkdir(parents=True, exist_ok=True)
        (self.runtime.settings.artifacts_dir / ARTIFACT).write_text("kept")
        apis = self.runtime.api_context("furnishing")
        apis.workflows.create(WORKFLOW, DEFINITION)
        apis.workflows.create("asks", WAITS_FOR_TOKEN)
        execution = apis.executions.start(WORKFLOW, {}).id
        waiting = apis.executions.start("asks", {}).id
        token = apis.tasks.get(apis.executions.get(waiting).tasks[0].id).input["token"]
        task = apis.executions.get(execution).tasks[0].id
        known = {"name": WORKFLOW, "id": execution, "token": token, "key": ARTIFACT}
        first_words = {route.segments[0].text for route in self.catalog.routes}
        self.parameters = {(word, name): value for word in first_words for name, value in known.items()}
        self.parameters |= {("functions", "name"): STEP, ("tasks", "id"): task}


@contextmanager
def web_on(url: str, home: Path, **settings: Any) -> Iterator[Web]:
    """A web process on an empty database, built by the same functions as the real one."""
    connect(url)
    migrate()
    own = {"home": home, "artifacts_dir": home / "artifacts", "outbox_dir": home / "outbox", "workers": 1}
    made = Settings(**{"database_url": url, **own, **settings})
    runtime = build(made)
    try:
        yield Web(runtime, create_app(made, runtime))
    finally:
        runtime.close()


def breaches(web: Web, name: str, ask: Ask, expected: Sequence[int]) -> Iterator[str]:
    """The server's faults in its answer to one bad request. It promises a 4xx in one form, and stores nothing."""
    before = web.counts()
    answer = web.ask(ask)
    after = web.counts()
    request = f"{name}: {ask.method} {ask.target[:80]}"
    if answer.status not in expected:
        yield f"{request}: answered {answer.status}, not {expected}: {answer.body[:200]!r}"
    if answer.seconds > SLOWEST_SECONDS:
        yield f"{request}: took {answer.seconds:.1f} s"
    yield from (f"{request}: {fault}" for fault in split_headers(answer))
    if answer.status >= 400:
        yield from (f"{request}: {fault}" for fault in faults_of(answer, is_head=ask.method.upper() == "HEAD"))
        if after != before:
            yield f"{request}: stored something: {before} -> {after}"


def split_headers(answer: Answer) -> Iterator[str]:
    """Headers of an answer with a line break, or with a name from the request."""
    for name, value in answer.headers:
        if re.search(r"[\r\n\0]", name + value) or "injected" in name.lower():
            yield f"has the header {name!r}: {value!r}"


def faults_of(answer: Answer, *, is_head: bool = False) -> Iterator[str]:
    """The faults of a refusal."""
    if len(answer.logged) > 1 or any(record.exc_info for record in answer.logged):
        yield f"logged {[record.getMessage() for record in answer.logged]}"
    if not re.fullmatch(r"[0-9a-f-]{36}", answer.header("x-request-id") or ""):
        yield f"x-request-id is {answer.header('x-request-id')!r}"
    if answer.header("content-type") == "application/x-amz-json-1.0":
        yield from [] if answer.json.keys() == {"__type", "message"} else [f"is not in AWS's form: {answer.json}"]
    elif answer.header("content-type") != "application/json":
        yield f"its content type is {answer.header('content-type')}"
    elif not is_head:
        is_aws = answer.header("x-amzn-errortype") is not None
        yield from faults_of_aws_error(answer.json) if is_aws else faults_of_error(answer.json)


def faults_of_error(body: Json) -> Iterator[str]:
    """The faults of a refusal's JSON, which must be ``{"error": {"code", "message", "path"?, "hint"?}}`` and no more.

    The refusal of a definition also lists all its ``faults``; the first of them is the error itself.
    """
    error = body.get("error") if isinstance(body, dict) else None
    if set(body) != {"error"} or not isinstance(error, dict):
        yield f"is not in the error form: {str(body)[:200]}"
        return
    faults = error.get("faults", [])
    if error.get("code") == "InvalidDefinition" and (not faults or faults[0]["path"] != error.get("path")):
        yield f"has no faults, or others: {str(error)[:200]}"
    yield from _members(error, {"code", "message"}, {"path", "hint", "faults"})
    for fault in faults:
        yield from _members(fault, {"code", "message", "path", "pointer"}, {"hint"})
    if len(faults) > MOST_FAULTS:
        yield f"has {len(faults)} faults"
    yield from _internals_shown(error)


def _members(said: Json, must: set[str], may: set[str]) -> Iterator[str]:
    if not must <= set(said) <= must | may:
        yield f"has the members {sorted(said)}"
    for member, text in said.items():
        least = 0 if member == "pointer" else 1
        if member != "faults" and (not isinstance(text, str) or not least <= len(text) <= LONGEST_MESSAGE):
            yield f"its {member} has {len(str(text))} characters: {str(text)[:100]!r}"


def faults_of_aws_error(body: Json) -> Iterator[str]:
    """The faults of a refusal in Lambda's form: ``{"Type", "message"}``, or ``Message``. It may repeat a value."""
    text = body.get("message", body.get("Message"))
    if body.keys() - {"message", "Message"} != {"Type"} or not isinstance(text, str) or not text:
        yield f"is not in Lambda's error form: {str(body)[:200]}"
    yield from _internals_shown(body)


def _internals_shown(said: Json) -> Iterator[str]:
    if re.search(r"Traceback|File \"|\.py\b|<class|object at 0x", json.dumps(said)):
        yield f"shows internals: {said}"


def _environ(ask: Ask) -> dict[str, Any]:
    environ = create_environ(method=ask.method, input_stream=io.BytesIO(ask.body), environ_overrides={})
    path, _, query = ask.target.partition("?")
    environ |= {"RAW_URI": ask.target, "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1"}
    environ.pop("CONTENT_LENGTH", None)
    if ask.body or ask.length is not None:
        environ["CONTENT_LENGTH"] = str(len(ask.body)) if ask.length is None else ask.length
    for name, value in ask.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


@contextmanager
def _overheard(records: list[logging.LogRecord]) -> Iterator[None]:
    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    listener, root = Listener(logging.INFO), logging.getLogger()
    root.addHandler(listener)
    try:
        yield
    finally:
        root.removeHandler(listener)
