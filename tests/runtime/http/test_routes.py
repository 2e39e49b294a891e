from __future__ import annotations

import pytest

from stepwell.functions.errors import MethodNotAllowed, NotFound
from stepwell.runtime.http.routes import Router, parse_route

KEYS = [
    "ANY /{proxy+}",
    "GET /orders/{id}",
    "GET /orders/mine",
    "ANY /orders/{id}",
    "POST /orders/{id}",
    "GET /orders/{id}/{rest+}",
    "GET /orders/{id}/lines",
    "GET /",
    "DELETE /only",
    "HEAD /heads",
    "GET /heads",
]


def choose(method, path, keys=KEYS):
    match = Router([parse_route(key) for key in keys]).choose(method, path[1:].split("/"))
    return match.route.key, dict(match.parameters)


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/", "GET /", {}),
        ("GET", "/orders/mine", "GET /orders/mine", {}),
        ("GET", "/orders/7", "GET /orders/{id}", {"id": "7"}),
        ("POST", "/orders/7", "POST /orders/{id}", {"id": "7"}),
        ("PUT", "/orders/7", "ANY /orders/{id}", {"id": "7"}),
        ("PUT", "/orders/mine", "ANY /orders/{id}", {"id": "mine"}),
        ("HEAD", "/orders/7", "GET /orders/{id}", {"id": "7"}),
        ("HEAD", "/heads", "HEAD /heads", {}),
        ("GET", "/orders/7/lines", "GET /orders/{id}/lines", {"id": "7"}),
        ("GET", "/orders/7/a/b", "GET /orders/{id}/{rest+}", {"id": "7", "rest": "a/b"}),
        ("GET", "/elsewhere/x", "ANY /{proxy+}", {"proxy": "elsewhere/x"}),
        ("OPTIONS", "/orders/7", "ANY /orders/{id}", {"id": "7"}),
    ],
)
def test_the_most_specific_route_answers(method, path, key, parameters):
    assert choose(method, path) == (key, parameters)


def test_the_order_of_the_routes_does_not_matter():
    assert choose("GET", "/orders/mine", KEYS[::-1]) == choose("GET", "/orders/mine", KEYS)


@pytest.mark.parametrize("path", ["/nothing", "/only/", "//only", "/only/more", "/ONLY"])
def test_no_route_is_not_found(path):
    with pytest.raises(NotFound):
        choose("DELETE", path, ["DELETE /only"])


@pytest.mark.parametrize("path", ["/orders/", "/orders//", "//", "/orders//lines", "/x/"])
def test_a_variable_is_never_empty(path):
    with pytest.raises(NotFound):
        choose("GET", path, ["GET /orders/{id}", "GET /orders/{id}/lines", "GET /x/{y+}"])


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "BREW", "get"])
def test_another_method_is_told_what_the_path_answers_to(method):
    with pytest.raises(MethodNotAllowed) as refused:
        choose(method, "/a", ["GET /a", "DELETE /{x}", "PUT /b"])
    assert refused.value.headers == {"allow": "DELETE, GET, HEAD"}


def test_a_long_path_is_not_repeated_whole():
    with pytest.raises(NotFound) as refused:
        choose("GET", "/" + "x" * 5000, ["GET /a"])
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GET",
        "GET orders",
        "get /orders",
        "FETCH /orders",
        "GET  /orders",
        "GET /orders/",
        "GET /a//b",
        "GET /orders/{}",
        "GET /orders/x{id}",
        "GET /{rest+}/more",
        "GET /{a}/{a}",
        "GET /a b",
        "GET /ä",
        "GET /a%2Fb",
        "GET /a?b=c",
        7,
        None,
    ],
)
def test_a_malformed_route_is_refused(text):
    with pytest.raises(ValueError):
        parse_route(text)


def test_names_of_variables_do_not_make_two_routes_differ():
    assert parse_route("GET /a/{x}").shape == parse_route("GET /a/{y}").shape
    assert parse_route("GET /a/{x}").shape != parse_route("GET /a/{x+}").shape
    assert parse_route("GET /a/{x}").shape != parse_route("ANY /a/{x}").shape
