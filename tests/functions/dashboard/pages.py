"""Contexts and events for the tests of the pages, and a reader that parses a page as a browser does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

from stepwell.functions.contract import Page
from stepwell.functions.contract.rest import (
    AttemptView,
    ExecutionPart,
    ExecutionView,
    HistoryView,
    TaskView,
    WorkflowView,
)
from stepwell.functions.dashboard import _page
from tests.functions.api import fakes
from tests.functions.api.fakes import FakeApi, FakeContext

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
BEGUN = NOW - timedelta(minutes=3)
ENDED = BEGUN + timedelta(milliseconds=340)
HOSTILE = """</pre></script><script>alert("x")</script><img src=x onerror='y'>"'`&amp;{{ 7*7 }} é漢\x1b[31m\x07\u202e"""
SHOWN = HOSTILE.replace("\x1b", "␛").replace("\x07", "␇").replace("\u202e", "\ufffd")
VOID = {"meta", "link", "input", "path"}
CAUSE = (
    '{"errorType": "Boom", "errorMessage": "it broke", "requestId": "r-1", '
    '"stackTrace": ["  File \\"step1.py\\", line 3, in handler\\n    raise Boom\\n", "last line\\n"]}'
)

WORKFLOW = WorkflowView("w1", "orders", 3, BEGUN, {"steps": [{"taskName": "step1"}]})
ATTEMPT = AttemptView(1, "FAILED", "Boom", CAUSE, "first\nsecond\n", BEGUN, ENDED)
TASK = TaskView(
    id="t1",
    execution_id="e1",
    workflow="orders",
    name="step1",
    step="pack",
    status="COMPLETED",
    attempts=2,
    retries=1,
    losses=0,
    data={"box": "small"},
    input={"data": {"box": "small"}, "results": {}},
    result={"weight": 7},
    error=None,
    cause=None,
    created_at=BEGUN,
    started_at=BEGUN,
    finished_at=ENDED,
    log=(ATTEMPT, replace(ATTEMPT, attempt=2, outcome="COMPLETED", error=None, cause=None, logs="")),
)
EXECUTION = ExecutionView(
    id="e1",
    name="order-7",
    workflow="orders",
    version=3,
    status="COMPLETED",
    paused=False,
    input={"order": 7},
    output={"shipped": True},
    error=None,
    cause=None,
    started_at=BEGUN,
    finished_at=ENDED,
    tasks=(TASK,),
)
EVENT = HistoryView(4, "TaskFailed", ENDED, {"step": "pack", "task": "t1", "error": "Boom", "cause": CAUSE})

_EVIL = {HOSTILE: [HOSTILE, {"deep": HOSTILE}]}
EVIL_WORKFLOW = replace(WORKFLOW, id=HOSTILE, name=HOSTILE, definition=_EVIL)
EVIL_ATTEMPT = replace(ATTEMPT, outcome=HOSTILE, error=HOSTILE, cause=HOSTILE, logs=HOSTILE)
EVIL_TASK = replace(
    TASK,
    **dict.fromkeys(("id", "execution_id", "workflow", "name", "step", "status", "error", "cause"), HOSTILE),
    **dict.fromkeys(("data", "input", "result"), _EVIL),
    log=(EVIL_ATTEMPT,),
)
EVIL_EXECUTION = replace(
    EXECUTION,
    **dict.fromkeys(("id", "name", "workflow", "status", "error"), HOSTILE),
    **dict.fromkeys(("input", "output"), _EVIL),
    cause=CAUSE.replace("it broke", "<script>").replace("r-1", "<script>").replace("raise", "<script>"),
    tasks=(EVIL_TASK,),
)
EVIL_EVENT = HistoryView(4, HOSTILE, ENDED, {HOSTILE: HOSTILE, "step": HOSTILE, "error": HOSTILE, "cause": HOSTILE})


class Reader(HTMLParser):
    """A parsed page: ``(tag, attributes)`` per element, ``(tag, data)`` per text. Bad nesting fails the test."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open and self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    @property
    def text(self) -> str:
        """The visible text, with each run of white space as one space."""
        seen = " ".join(data for tag, data in self.texts if tag not in ("script", "style"))
        return " ".join(seen.split())

    @property
    def links(self) -> list[str]:
        """Every URL for a browser to open or load, except the tab's picture: a data URL inside the page."""
        named = [
            attributes[name] or ""
            for tag, attributes in self.elements
            for name in ("href", "src", "action")
            if name in attributes
        ]
        return [one for one in named if not one.startswith("data:image/svg+xml,")]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag: str) -> list[str]:
        """The texts directly in elements of that tag."""
        return [data for name, data in self.texts if name == tag]


def event(
    path: dict[str, str] | None = None, query: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    made = fakes.event(path, query, headers={"accept": "text/html", "host": "localhost:3000", **(headers or {})})
    return {**made, "requestContext": {"timeEpoch": int(NOW.timestamp() * 1000)}}


def full_context(
    execution: ExecutionView = EXECUTION,
    task: TaskView | None = None,
    workflow: WorkflowView = WORKFLOW,
    line: HistoryView = EVENT,
    following: str | None = None,
    total: int | None = None,
) -> FakeContext:
    """A context with one object of each kind. ``following`` is the cursor of the next page in every listing, if any.

    ``task``, if given, replaces the execution's tasks. ``total`` is the number of tasks, if larger than the list.
    """
    shown = execution if task is None else replace(execution, tasks=(task,))
    completed = sum(one.status == "COMPLETED" for one in shown.tasks)
    return FakeContext(
        executions=FakeApi(
            part=ExecutionPart(shown, len(shown.tasks) if total is None else total, completed),
            list=Page([execution], following),
            history=Page([line], following),
            counts={"IN_PROGRESS": 0, "COMPLETED": 12_000, "FAILED": 3},
        ),
        tasks=FakeApi(list=Page([task or TASK], following), counts={"QUEUED": 5}),
        workflows=FakeApi(get=workflow, list=Page([workflow], following), versions=Page([workflow], following)),
    )


def hostile_context() -> FakeContext:
    return full_context(EVIL_EXECUTION, EVIL_TASK, EVIL_WORKFLOW, EVIL_EVENT, following=HOSTILE)


def read(module: ModuleType, given: dict[str, Any], context: FakeContext, status: int = 200) -> Reader:
    """Calls a handler, checks status and content type, and parses the page."""
    response = module.handler(given, context)
    assert response["statusCode"] == status
    assert response["headers"]["content-type"] == "text/html; charset=utf-8"
    return Reader(response["body"])


def calls(context: FakeContext) -> list[tuple[str, dict[str, Any]]]:
    """Every call to the context, named ``object.call``."""
    named = ("executions", "tasks", "workflows")
    return [(f"{name}.{call}", given) for name in named for call, _, given in getattr(context, name).calls]


def assert_tame(page: Reader) -> None:
    """Fails if the page has markup from outside its templates, or a link to another server."""
    assert page.inside("script") == [str(_page.SCRIPT)]
    assert page.inside("style") == [str(_page.STYLE)]
    assert not page.all("img")
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}
    assert not any("\x1b" in data or "\x07" in data for _, data in page.texts)
    for link in page.links:
        assert link == "#main" or (link.startswith("/") and not link.startswith("//")), link
