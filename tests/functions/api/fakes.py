"""Fake contexts and events for the tests of the endpoints, and the check of every answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import fastjsonschema

from stepwell.functions.contract.rest import (
    AttemptView,
    ExecutionView,
    FunctionView,
    HistoryView,
    TaskView,
    WorkflowView,
)
from stepwell.functions.contract.schemas import SCHEMAS

AT = datetime(2026, 11, 24, 6, 30, 0, 123_900, tzinfo=timezone(timedelta(hours=2)))
AT_TEXT = "2026-11-24T04:30:00.123Z"
LATER = datetime(2026, 11, 24, 4, 30, 1, tzinfo=UTC)

WORKFLOW = WorkflowView("w1", "résumé", 3, AT, {"steps": [{"taskName": "step1"}]})
ATTEMPT = AttemptView(1, "FAILED", "Boom", "it broke", "line\n", AT, LATER)
TASK = TaskView(
    id="t1",
    execution_id="e1",
    workflow="résumé",
    name="step1",
    step="first",
    status="COMPLETED",
    attempts=2,
    retries=1,
    losses=0,
    data={"a": 1},
    input={"data": {"a": 1}},
    result=[False],
    error=None,
    cause=None,
    created_at=AT,
    started_at=AT,
    finished_at=None,
    log=(ATTEMPT,),
)
EXECUTION = ExecutionView(
    id="e1",
    name=None,
    workflow="résumé",
    version=3,
    status="IN_PROGRESS",
    paused=False,
    input={"x": 0},
    output=None,
    error=None,
    cause=None,
    started_at=AT,
    finished_at=None,
    tasks=(TASK,),
)
HISTORY = HistoryView(7, "TaskScheduled", AT, {"step": "first", "task": "t1"})
FUNCTION = FunctionView("step1", "step", "functions/steps/step1.py", "Echo.", None, 30.0, {"maxAttempts": 2})


class FakeApi:
    """One object of the context. It records each call, and returns or raises the answer for it."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, arguments, named))
            answer = self._answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class FakeContext:
    """An ApiContext with these objects. The other objects have no answers."""

    def __init__(self, **apis: FakeApi) -> None:
        self.request_id = "r1"
        self.log = logging.getLogger("test")
        for name in ("executions", "workflows", "tasks", "functions", "artifacts", "health"):
            setattr(self, name, apis.get(name, FakeApi()))


def event(
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    body: Any = ...,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """An API Gateway event with the members for handlers. Empty members are absent, as on the wire."""
    optional = {"pathParameters": path, "queryStringParameters": query}
    made = {"headers": headers or {}, "rawQueryString": urlencode(query or {}), "isBase64Encoded": False}
    made |= {name: value for name, value in optional.items() if value}
    return made if body is ... else {**made, "body": json.dumps(body)}


def answer(module: ModuleType, given: dict[str, Any], context: FakeContext) -> Any:
    """Calls an endpoint and checks its answer against its ANSWERS; returns the answer's JSON."""
    response = module.handler(given, context)
    schema = module.ANSWERS[response["statusCode"]]
    if schema is None:
        assert "body" not in response
        return None
    assert response["headers"]["content-type"] == "application/json"
    value = json.loads(response["body"])
    fastjsonschema.validate({**schema, "components": {"schemas": SCHEMAS}}, value)
    return value
