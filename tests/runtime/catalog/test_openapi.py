from __future__ import annotations

import json
import re

import fastjsonschema
import pytest

from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.catalog.openapi import document

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def catalog():
    return Catalog.load()


@pytest.fixture(scope="module")
def described(catalog):
    return json.loads(json.dumps(document(catalog)))


def operations(described):
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def schemas(value):
    """Every schema of a document: its parameters, bodies, answers and components."""
    if isinstance(value, dict):
        if "schema" in value:
            yield value["schema"]
        for one in value.values():
            yield from schemas(one)
    elif isinstance(value, list):
        for one in value:
            yield from schemas(one)


def test_every_endpoint_is_in_it(catalog, described):
    expected = {
        (route.path.replace("+}", "}"), route.method.lower())
        for route, function in catalog.routes.items()
        if function.kind == "api"
    }
    assert {(path, method) for path, method, _ in operations(described)} == expected
    assert ("/artifacts/{key}", "get") in expected


def test_has_the_structure_of_openapi_3_1(described):
    assert described["openapi"].startswith("3.1.")
    assert set(described["info"]) >= {"title", "version"}
    for path, method, operation in operations(described):
        assert method in METHODS
        assert operation["summary"] and operation["operationId"]
        assert all(one["description"] for one in operation["responses"].values())
        assert all(re.fullmatch(r"[2-5]\d\d|default", status) for status in operation["responses"])
        declared = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path))


def test_operations_have_names_of_their_own(described):
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names))


def test_every_schema_is_one_and_refers_to_what_is_there(described):
    found = [*schemas(described["paths"]), *described["components"]["schemas"].values()]
    assert len(found) > 50
    for schema in found:
        fastjsonschema.compile({**schema, "components": described["components"]})


def test_a_body_that_may_be_absent_is_not_required(described):
    paths = described["paths"]
    assert paths["/workflows"]["post"]["requestBody"]["required"] is True
    assert paths["/flows"]["post"]["requestBody"]["required"] is True
    assert paths["/workflows/{name}/execute"]["post"]["requestBody"]["required"] is False
    assert paths["/functions/{name}/invoke"]["post"]["requestBody"]["required"] is False
    assert "requestBody" not in paths["/workflows"]["get"]


def test_an_answer_says_what_it_holds(described):
    assert described["paths"]["/workflows/{name}"]["delete"]["responses"]["204"] == {"description": "No Content"}
    artifact = described["paths"]["/artifacts/{key}"]["get"]["responses"]["200"]
    assert list(artifact["content"]) == ["application/octet-stream"]


def test_a_users_endpoint_is_in_it_under_a_name_of_its_own(tmp_path):
    (tmp_path / "api").mkdir()
    text = "ROUTE = 'ANY /mine/{id}'\nANSWERS = {299: None}\ndef handler(event, context): ...\n"
    (tmp_path / "api" / "get_health.py").write_text(text)
    described = document(Catalog.load([tmp_path]))
    mine = described["paths"]["/mine/{id}"]
    assert set(mine) == {"get", "post", "put", "patch", "delete"}
    assert mine["get"]["operationId"] == "get_mine_id"
    assert mine["get"]["responses"]["299"] == {"description": "299"}
    assert "summary" not in mine["get"]
