from __future__ import annotations

import io
import re
from base64 import b64encode
from hashlib import sha256

import pytest

from stepwell.functions.dashboard import _page, queues
from stepwell.functions.errors import NotFound, StepwellError, Unavailable
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.gateway import Gateway
from stepwell.runtime.http.request import Request
from stepwell.runtime.settings import Settings
from tests.functions.dashboard.pages import event, full_context, read


def refusing(fault: Exception) -> _page.Handler:
    @_page.with_refusals
    def handler(event, context):
        raise fault

    return handler


def test_style_and_script_are_admitted_as_they_stand_in_the_page():
    page = read(queues, event(), full_context())
    policy = queues.handler(event(), full_context())["headers"]["content-security-policy"]
    for element, kind in (("style", "style-src"), ("script", "script-src")):
        (text,) = page.inside(element)
        hashed = b64encode(sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{hashed}';" in policy
    assert "unsafe" not in policy and policy.startswith("default-src 'none';")


def test_a_page_is_never_stored():
    assert queues.handler(event(), full_context())["headers"]["cache-control"] == "no-store"


def test_without_script_the_page_reloads_itself():
    page = read(queues, event(), full_context())
    assert [one["content"] for one in page.all("meta") if one.get("http-equiv") == "refresh"] == ["10"]


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8"])
def test_a_refusal_is_a_page_for_who_accepts_one(accept):
    response = refusing(NotFound("gone", hint="look there"))(event(headers={"accept": accept}), full_context())
    assert response["statusCode"] == 404
    assert "gone" in response["body"] and "look there" in response["body"]


@pytest.mark.parametrize("headers", [{"accept": "*/*"}, {"accept": "application/json"}, {"accept": ""}])
def test_a_refusal_goes_on_to_the_gateway_for_all_others(headers):
    with pytest.raises(NotFound):
        refusing(NotFound())(event(headers=headers), full_context())


@pytest.mark.parametrize("fault", [StepwellError(), Unavailable(), KeyError("x")])
def test_a_fault_of_ours_is_the_gateways_to_tell(fault):
    with pytest.raises(type(fault)):
        refusing(fault)(event(), full_context())


@pytest.mark.parametrize(
    ("segments", "query", "path"),
    [
        (("queues",), {}, "/queues"),
        (("a/b", "?#é"), {}, "/a%2Fb/%3F%23%C3%A9"),
        (("a",), {"x": None, "y": "1&2", "z": 3}, "/a?y=1%262&z=3"),
    ],
)
def test_link(segments, query, path):
    assert _page.link(*segments, **query) == path


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (None, ""),
        (0, 0),
        ("a\tb\n", "a\tb\n"),
        ("\x00\x1b\x7f", "␀␛␡"),
        ("\ud800\u202e\u2066", "\ufffd" * 3),
        ("é漢", "é漢"),
    ],
)
def test_visible(value, seen):
    assert _page.visible(value) == seen


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"host": "stepwell.example:8443", "x-forwarded-proto": "https"}, "https://stepwell.example:8443"),
        ({"host": "[::1]:3000"}, "http://[::1]:3000"),
        ({"host": "a;rm -rf /", "x-forwarded-proto": "gopher"}, "http://localhost"),
        ({}, "http://localhost"),
    ],
)
def test_a_command_names_the_server_as_the_reader_has_found_it(headers, origin):
    assert _page.origin_of(headers) == origin


def test_the_gateway_serves_every_page_as_it_is():
    gateway = Gateway(Catalog.load(), lambda request_id: full_context(), None, Settings())
    for path in ("/queues", "/queues/executions/e1", "/queues/workflows/orders"):
        response = gateway.handle(Request("GET", path, {"accept": "text/html"}, io.BytesIO()))
        assert response.status == 200
        assert response.header("content-type") == "text/html; charset=utf-8"
        assert re.match(rb"<!doctype html>\n<html", response.body)
