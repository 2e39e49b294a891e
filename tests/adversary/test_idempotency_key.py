"""The Idempotency-Key: bounded in length, stored unchanged, and never accepted for two different requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.adversary.web import DEFINITION, JSON, STEP, WORKFLOW, Answer, Ask, Web, breaches

Json = Any

EXECUTE = f"/workflows/{WORKFLOW}/execute"
FLOW = {"name": STEP, "data": {"n": 1}}
TAKEN = ("k", "k" * 255, "a/b", "../..", "a,b", "%00", "' OR 1=1 --", "<b>", '"quoted"', "\xe9", "{}", " inner space ")
REFUSED = ("", "k" * 256, "k" * 8_000, "a\tb", "a\x1fb", "\x7f", "\x00", "a\x85b", "\xa0", "\xad")


def execute(web: Web, key: str, body: Json = None, target: str = EXECUTE) -> Answer:
    return web.send("POST", target, {"input": {}} if body is None else body, **{"idempotency-key": key})


@pytest.mark.parametrize("target", [EXECUTE, "/flows"])
@pytest.mark.parametrize("key", REFUSED)
def test_a_bad_key_is_refused(web: Web, target: str, key: str) -> None:
    body = json.dumps(FLOW if target == "/flows" else {}).encode()
    ask = Ask("POST", target, {**JSON, "idempotency-key": key}, body)
    assert not list(breaches(web, repr(key), ask, (400,)))
    assert "255" in web.ask(ask).json["error"]["message"]


@pytest.mark.parametrize("key", TAKEN)
def test_the_same_request_is_answered_alike_and_starts_nothing(web: Web, key: str) -> None:
    first = execute(web, key)
    before = web.counts()
    again = execute(web, key)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert again.header("location") == first.header("location")
    assert web.counts() == before


def test_members_in_another_order_are_the_same_request(web: Web) -> None:
    first = execute(web, "order", {"input": {"a": 1}, "name": "ordered"})
    assert execute(web, "order", {"name": "ordered", "input": {"a": 1}}).json == first.json


@pytest.mark.parametrize(
    ("target", "body"),
    [
        (EXECUTE, {"input": 1}),
        (EXECUTE, {"input": {}, "name": "named"}),
        (EXECUTE, {"input": None}),
        ("/workflows/other/execute", {"input": {}}),
        ("/flows", FLOW),
    ],
)
def test_a_key_is_good_for_one_request(web: Web, target: str, body: Json) -> None:
    web.send("POST", "/workflows", {"name": "other", "definition": DEFINITION})
    web.send("POST", "/flows", FLOW)
    execute(web, "used")
    ask = Ask("POST", target, {**JSON, "idempotency-key": "used"}, json.dumps(body).encode())
    assert not list(breaches(web, "used", ask, (422,)))


def test_a_flow_s_key_is_good_for_one_tree(web: Web) -> None:
    assert execute(web, "tree", FLOW, "/flows").status == 201
    another = Ask("POST", "/flows", {**JSON, "idempotency-key": "tree"}, json.dumps({**FLOW, "data": 2}).encode())
    assert not list(breaches(web, "tree", another, (422,)))


def test_a_tree_by_the_name_of_its_workflow_is_another_request(web: Web) -> None:
    execute(web, "namesake", FLOW, "/flows")
    ask = Ask("POST", f"/workflows/flow:{STEP}/execute", JSON, json.dumps({"input": FLOW}).encode())
    assert not list(breaches(web, "namesake", ask.with_headers({"idempotency-key": "namesake"}), (422,)))


def test_a_key_is_known_after_its_workflow_is_gone(web: Web) -> None:
    web.send("POST", "/workflows", {"name": "short-lived", "definition": DEFINITION})
    target = "/workflows/short-lived/execute"
    first = execute(web, "gone", target=target)
    assert web.send("DELETE", "/workflows/short-lived").status == 204
    again = execute(web, "gone", target=target)
    assert (again.status, again.json["executionId"]) == (201, first.json["executionId"])
    assert execute(web, "new", target=target).status == 404
    assert execute(web, "gone", {"input": 1}, target).status == 422


def test_a_workflow_of_a_later_version_is_started_by_an_earlier_key_no_second_time(web: Web) -> None:
    first = execute(web, "version")
    web.send("POST", "/workflows", {"name": WORKFLOW, "definition": {"steps": [{"taskName": STEP}] * 2}})
    assert execute(web, "version").json == first.json


def test_a_refused_start_leaves_its_key_free(web: Web) -> None:
    assert execute(web, "free", {"input": "x" * (256 << 10)}).status == 413
    assert execute(web, "free", {"name": "a/b"}).status == 400
    assert execute(web, "free").status == 201
