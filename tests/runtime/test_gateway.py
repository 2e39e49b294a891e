from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

import peewee
import pytest
from playhouse.pool import MaxConnectionsExceeded

from stepwell.functions.contract import Page
from stepwell.functions.errors import NotFound, Unavailable
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.gateway import Gateway
from stepwell.runtime.http.request import Request
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.settings import Limits, Settings
from tests.functions.api.fakes import EXECUTION, WORKFLOW, FakeApi, FakeContext

AT = datetime(2026, 11, 24, tzinfo=UTC)
JSON = {"content-type": "application/json"}
WORKFLOWS = "/workflows"
SECRET = "a-secret-of-sixteen"


@dataclass
class Outcome:
    result: str | None = None
    error: str | None = None
    cause: str | None = None


class FakeInvoker:
    """Answers all invocations alike, and records them."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.calls = []

    def run(self, call):
        self.calls.append((call.target, json.loads(call.event), call.timeout_seconds, call.key, call.request_id))
        return self.outcome


class Reply:
    """A response with its parsed JSON."""

    def __init__(self, response):
        self.status, self.header, self.body = response.status, response.header, response.body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        assert self.header("content-type") == "application/json"
        assert set(self.json) == {"error"}
        return self.json["error"]["code"]


BUILT_IN = Catalog.load()


def ask(method, target, body=b"", headers=None, *, catalog=BUILT_IN, outcome=None, **apis):
    gateway = Gateway(
        catalog, lambda request_id: FakeContext(**apis), FakeInvoker(outcome), Settings(), clock=lambda: AT
    )
    headers = {"host": "localhost", "content-length": str(len(body)), **(JSON if headers is None else headers)}
    return Reply(gateway.handle(Request(method, target, headers, io.BytesIO(body))))


def test_a_request_reaches_its_handler_and_its_answer_the_caller():
    executions = FakeApi(start=EXECUTION)
    reply = ask("POST", "/workflows/r%C3%A9sum%C3%A9/execute", b'{"input": {"x": 0}}', executions=executions)
    assert (reply.status, reply.header("location")) == (201, "/executions/e1")
    assert reply.json == {"executionId": "e1", "status": "IN_PROGRESS"}
    assert executions.calls[0][1] == ("résumé", {"x": 0})


def test_every_answer_names_the_request():
    first, second = ask("GET", "/health"), ask("GET", "/nowhere")
    assert len(first.header("x-request-id")) == 36
    assert first.header("x-request-id") != second.header("x-request-id")


def test_the_context_is_made_for_the_request():
    made = []
    gateway = Gateway(BUILT_IN, lambda given: made.append(given) or FakeContext(), FakeInvoker(None), Settings())
    response = gateway.handle(Request("GET", "/health", {}, io.BytesIO()))
    assert made == [response.header("x-request-id")]


def test_head_is_get_without_the_body():
    reply = ask("HEAD", "/health")
    assert (reply.status, reply.body, reply.header("content-length")) == (
        200,
        b"",
        str(len(ask("GET", "/health").body)),
    )


def test_head_of_what_is_not_there_has_no_body_either():
    reply = ask("HEAD", "/nowhere")
    assert (reply.status, reply.body) == (404, b"")


@pytest.mark.parametrize(("method", "allow"), [("PATCH", "GET, HEAD, POST"), ("OPTIONS", "GET, HEAD, POST")])
def test_another_method_is_told_which_there_are(method, allow):
    reply = ask(method, WORKFLOWS)
    assert (reply.status, reply.code, reply.header("allow")) == (405, "MethodNotAllowed", allow)


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/nowhere", 404, "NotFound"),
        ("/workflows/", 404, "NotFound"),
        ("//workflows", 404, "NotFound"),
        ("/workflows//execute", 404, "NotFound"),
        ("/artifacts/../secret", 400, "InvalidRequest"),
        ("/artifacts/%2e%2e/secret", 400, "InvalidRequest"),
        ("/artifacts/..%2Fsecret", 400, "InvalidRequest"),
        ("/artifacts/%2Fetc%2Fpasswd", 404, "NotFound"),
        ("/workflows/%FF", 400, "InvalidRequest"),
        ("/workflows/a%00b", 400, "InvalidRequest"),
        ("/workflows/" + "a" * 9000, 400, "InvalidRequest"),
        ("*", 400, "InvalidRequest"),
        ("/workflows?limit=0", 400, "InvalidRequest"),
        ("/<script>alert(1)</script>", 404, "NotFound"),
    ],
)
def test_a_bad_url_is_the_callers_fault(target, status, code):
    reply = ask("GET", target)
    assert (reply.status, reply.code) == (status, code)


def test_a_long_name_reaches_the_service_which_knows_it_not():
    workflows = FakeApi(get=NotFound())
    assert ask("GET", "/workflows/" + "a" * 5000, workflows=workflows).status == 404
    assert workflows.calls == [("get", ("a" * 5000,), {})]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", JSON, 400, "InvalidRequest"),
        (b"null", JSON, 400, "InvalidRequest"),
        (b"{}", {"content-type": "text/plain"}, 415, "UnsupportedMediaType"),
        (b"{}", {}, 415, "UnsupportedMediaType"),
        (b"{", JSON, 400, "InvalidJson"),
        (b"[" * 100_000, JSON, 400, "InvalidJson"),
        (b'{"name": "\xff"}', JSON, 400, "InvalidJson"),
        (b'{"name": NaN}', JSON, 400, "InvalidJson"),
        (b'{"name": "a", "name": "b"}', JSON, 400, "InvalidJson"),
        (b'{"name": "a"}', JSON, 400, "InvalidRequest"),
        (b"x" * ((3 << 20) + 1), JSON, 413, "PayloadTooLarge"),
        (b"{}", {**JSON, "content-length": "100"}, 400, "InvalidRequest"),
        (b"{}", {**JSON, "content-length": "many"}, 400, "InvalidRequest"),
    ],
)
def test_a_bad_body_stores_nothing(body, headers, status, code):
    workflows = FakeApi(create=WORKFLOW)
    reply = ask("POST", WORKFLOWS, body, headers, workflows=workflows)
    assert (reply.status, reply.code, workflows.calls) == (status, code, [])


def test_a_body_is_parsed_once(monkeypatch):
    api, texts, read = FakeApi(start=EXECUTION), [], jsontext.read
    monkeypatch.setattr(
        "stepwell.runtime.http.body.jsontext.read", lambda text, *rest: texts.append(text) or read(text, *rest)
    )
    monkeypatch.setattr("stepwell.functions.contract.json.loads", None)
    assert ask("POST", f"{WORKFLOWS}/play/execute", b'{"input": {"n": 1}}', executions=api).status == 201
    assert texts == [b'{"input": {"n": 1}}']


def test_a_misspelt_member_is_placed_and_guessed():
    reply = ask("POST", WORKFLOWS, b'{"name": "a", "defintion": {}}')
    assert reply.json["error"] == {
        "code": "InvalidRequest",
        "message": "'definition' is required",
        "path": "$",
        "hint": "did you mean 'definition' by 'defintion'?",
    }


def test_a_definition_may_be_larger_than_any_other_body():
    padding = b" " * (2 << 20)
    definition = ask(
        "POST", WORKFLOWS, b'{"name": "a", "definition": {}}' + padding, workflows=FakeApi(create=WORKFLOW)
    )
    other = ask("POST", "/workflows/a/execute", b"{}" + padding, executions=FakeApi(start=EXECUTION))
    assert (definition.status, other.status) == (201, 413)


def test_a_get_with_a_content_type_and_no_body_is_fine():
    assert ask("GET", WORKFLOWS, workflows=FakeApi(list=Page([]))).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        Unavailable(),
        peewee.OperationalError("server closed the connection"),
        peewee.InterfaceError("cursor already closed"),
        MaxConnectionsExceeded("Max connections exceeded"),
    ],
)
def test_while_the_database_is_unreachable_the_caller_may_try_again(fault):
    reply = ask("GET", "/workflows/a", workflows=FakeApi(get=fault))
    assert (reply.status, reply.code, reply.header("retry-after")) == (503, "Unavailable", "1")


def test_a_wrong_statement_is_a_fault_of_ours_and_no_absence(caplog):
    reply = ask("GET", "/workflows/a", workflows=FakeApi(get=peewee.OperationalError("no such column: tsak.id")))
    assert (reply.status, reply.code, reply.header("retry-after")) == (500, "InternalError", None)
    assert "no such column" in caplog.text and "Traceback" in caplog.text


def test_nobody_is_told_that_nothing_was_done_when_that_is_not_known():
    """The cancel is committed, and the database becomes unreachable before the execution is read again."""
    reply = ask("POST", "/executions/e1/cancel", executions=FakeApi(cancel=peewee.OperationalError("gone")))
    assert (reply.status, reply.code) == (503, "Unavailable")
    assert "may have been changed" in reply.json["error"]["message"]


def test_a_fault_of_ours_is_logged_whole_and_told_in_brief(caplog):
    with caplog.at_level(logging.ERROR, "stepwell.http"):
        reply = ask("GET", "/workflows/a", workflows=FakeApi(get=ZeroDivisionError("secret detail")))
    assert (reply.status, reply.code) == (500, "InternalError")
    assert b"secret" not in reply.body
    [record] = caplog.records
    assert reply.header("x-request-id") in record.getMessage()
    assert "secret detail" in caplog.text and "Traceback" in caplog.text


def test_an_answer_that_is_no_response_is_a_fault_of_ours(caplog):
    reply = ask("GET", "/ready", health=FakeApi(ready={"database": object()}))
    assert (reply.status, reply.code) == (500, "InternalError")
    assert len(caplog.records) == 1


# Users' own endpoints


@pytest.fixture
def users(tmp_path):
    (tmp_path / "api").mkdir()
    text = "ROUTE = 'ANY /mine/{rest+}'\nTIMEOUT_SECONDS = 7\nraise SystemExit\ndef handler(event, context): ...\n"
    (tmp_path / "api" / "mine.py").write_text(text)
    return Catalog.load([tmp_path])


def answered(users, outcome):
    return ask("GET", "/mine/a", catalog=users, outcome=outcome)


def test_a_users_handler_runs_in_the_sandbox_with_the_whole_event(users):
    invoker = FakeInvoker(Outcome(result='{"statusCode": 201, "headers": {"X-A": "b"}, "body": "done"}'))
    gateway = Gateway(users, lambda request_id: None, invoker, Settings(), clock=lambda: AT)
    request = Request("PUT", "/mine/a/b%20c?q=1", {"content-type": "text/plain"}, io.BytesIO(b"hi"))
    reply = Reply(gateway.handle(request))
    assert (reply.status, reply.body, reply.header("x-a")) == (201, b"done", "b")
    [(target, event, timeout_seconds, key, request_id)] = invoker.calls
    assert (target.name, target.module, target.path.name, target.timeout_seconds) == (
        "mine",
        "api.mine",
        "mine.py",
        7.0,
    )
    assert (event["pathParameters"], event["body"], event["requestContext"]["requestId"]) == (
        {"rest": "a/b c"},
        "hi",
        request_id,
    )
    assert (timeout_seconds, key, reply.header("x-request-id")) == (30.0, request_id, request_id)


@pytest.mark.parametrize(
    ("result", "body"),
    [('{"a":1}', b'{"a":1}'), ('"plain"', b"plain"), ("null", b"null"), ("[1,2]", b"[1,2]")],
)
def test_what_has_no_status_code_is_the_body(users, result, body):
    reply = answered(users, Outcome(result=result))
    assert (reply.status, reply.header("content-type"), reply.body) == (200, "application/json", body)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(error="ValueError", cause="{}"),
        Outcome(error="Runtime.ImportModuleError"),
        Outcome(),
        Outcome(result='{"statusCode": "200"}'),
        Outcome(result='{"statusCode": 200, "body": {}}'),
        Outcome(result='{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}'),
    ],
)
def test_a_handler_that_fails_is_answered_for_as_behind_api_gateway(users, outcome, caplog):
    reply = answered(users, outcome)
    assert (reply.status, reply.json) == (500, {"message": "Internal Server Error"})
    assert len(caplog.records) == 1


@pytest.mark.parametrize("error", ["States.Timeout", "Sandbox.Timedout"])
def test_a_handler_out_of_time_is_unavailable(users, error, caplog):
    reply = answered(users, Outcome(error=error))
    assert (reply.status, reply.json) == (503, {"message": "Service Unavailable"})
    assert "timed out" in caplog.text


def test_a_users_handler_without_a_BODY_takes_any_body(users):
    body, headers = b"\xff{not json", {"content-type": "application/json"}
    assert ask("POST", "/mine/a", body, headers, catalog=users, outcome=Outcome(result="1")).status == 200
    assert ask("POST", "/mine/a", b"x" * ((1 << 20) + 1), catalog=users, outcome=Outcome(result="1")).status == 413


@pytest.fixture
def charging(tmp_path):
    (tmp_path / "api").mkdir()
    schema = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number", "minimum": 0}}}
    text = f"ROUTE = 'POST /charge'\nBODY = {schema}\ndef handler(event, context): ...\n"
    (tmp_path / "api" / "charge.py").write_text(text)
    return Catalog.load([tmp_path])


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", JSON, 400, "InvalidRequest"),
        (b"{", JSON, 400, "InvalidJson"),
        (b'{"amount": "7"}', JSON, 400, "InvalidRequest"),
        (b'{"amount": 7}', {"content-type": "text/plain"}, 415, "UnsupportedMediaType"),
    ],
)
def test_a_body_that_is_not_as_a_users_BODY_says_never_reaches_the_handler(charging, body, headers, status, code):
    invoker = FakeInvoker(Outcome(result="1"))
    gateway = Gateway(charging, lambda request_id: None, invoker, Settings())
    reply = Reply(gateway.handle(Request("POST", "/charge", headers, io.BytesIO(body))))
    assert (reply.status, reply.code, invoker.calls) == (status, code, [])


def test_a_body_that_is_as_a_users_BODY_says_reaches_the_handler_as_it_came(charging):
    invoker = FakeInvoker(Outcome(result="1"))
    gateway = Gateway(charging, lambda request_id: None, invoker, Settings())
    reply = gateway.handle(Request("POST", "/charge", JSON, io.BytesIO(b'{"amount": 7.0, "note": 1}')))
    assert (reply.status, invoker.calls[0][1]["body"]) == (200, '{"amount": 7.0, "note": 1}')


def test_a_page_of_another_site_may_look_but_not_change_anything():
    executions = FakeApi(start=EXECUTION, list=Page([]))
    for site, status in (("cross-site", 403), ("same-origin", 201), ("none", 201)):
        reply = ask("POST", "/workflows/a/execute", headers={"sec-fetch-site": site}, executions=executions)
        assert reply.status == status
    assert [name for name, *_ in executions.calls] == ["start", "start"]
    assert ask("GET", "/executions", headers={"sec-fetch-site": "cross-site"}, executions=executions).status == 200


def test_a_page_that_has_made_its_own_name_lead_here_is_told_nothing():
    executions = FakeApi(start=EXECUTION, list=Page([]))
    rebound = {**JSON, "host": "evil.example", "sec-fetch-site": "same-origin", "origin": "http://evil.example"}
    for method, target in (("POST", "/workflows/a/execute"), ("GET", "/executions"), ("GET", "/queues")):
        reply = ask(method, target, headers=rebound, executions=executions)
        assert (reply.status, reply.code) == (421, "UnknownHost")
    assert executions.calls == []


def test_a_users_endpoint_answers_to_any_name(users):
    reply = ask("GET", "/mine/a", headers={"host": "hooks.example"}, catalog=users, outcome=Outcome(result="1"))
    assert reply.status == 200


def test_the_settings_say_what_the_server_is_called():
    settings = Settings(url="https://well.example", hosts=("web",))
    gateway = Gateway(BUILT_IN, lambda request_id: FakeContext(), FakeInvoker(None), settings)
    for host, status in (("well.example", 200), ("web:3000", 200), ("evil.example", 421)):
        assert gateway.handle(Request("GET", "/health", {"host": host}, io.BytesIO())).status == status


# Before a body comes


@pytest.mark.parametrize(
    ("method", "target", "headers", "most"),
    [
        ("POST", "/workflows", {"content-length": "3000000"}, Limits().definition_body),
        ("POST", "/workflows", {"content-length": "4000000"}, 0),
        ("POST", "/workflows", {"transfer-encoding": "chunked"}, Limits().definition_body),
        ("POST", "/2015-03-31/functions", {}, Limits().code_body),
        ("POST", "/", {"x-amz-target": "AWSStepFunctions.StartExecution"}, Limits().definition_body),
        ("POST", "/", {"content-length": "4000000"}, 0),
        ("POST", "/nowhere", {}, 0),
        ("PATCH", "/workflows", {}, 0),
    ],
)
def test_the_most_bytes_of_a_body_are_known_by_the_head(method, target, headers, most):
    gateway = Gateway(BUILT_IN, lambda request_id: FakeContext(), FakeInvoker(None), Settings())
    assert gateway.body_limit(Request(method, target, {"host": "localhost", **headers}, io.BytesIO())) == most


@pytest.mark.parametrize("target", ["/", "/workflows", "/2015-03-31/functions"])
@pytest.mark.parametrize(
    ("key", "may_come"), [(None, False), ("me:another-secret-than", False), ("me:" + SECRET, True)]
)
def test_no_byte_of_a_body_may_come_without_a_key(target, key, may_come):
    settings = Settings(access_keys=(("me", SECRET),))
    gateway = Gateway(BUILT_IN, lambda request_id: FakeContext(), FakeInvoker(None), settings)
    headers = {"host": "localhost", **({"authorization": f"Bearer {key}"} if key else {})}
    assert (gateway.body_limit(Request("POST", target, headers, io.BytesIO())) > 0) == may_come


def test_a_users_endpoint_without_a_place_to_wait_is_told_to_come_again(users):
    waiting = WaitingLimit(1)
    gateway = Gateway(users, lambda request_id: None, FakeInvoker(Outcome(result="1")), Settings(), waiting)
    request = Request("GET", "/mine/a", {}, io.BytesIO())
    with waiting.place(AssertionError("it was free")):
        refused = Reply(gateway.handle(request))
    assert (refused.status, refused.code, refused.header("retry-after")) == (429, "TooManyRequests", "1")
    assert gateway.handle(request).status == 200
