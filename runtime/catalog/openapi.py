"""The OpenAPI 3.1 document of every endpoint, made from the constants in the handlers' files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

from stepwell.functions.contract import Json
from stepwell.functions.contract.schemas import SCHEMAS
from stepwell.runtime.catalog.catalog import Catalog, Function
from stepwell.runtime.http.routes import Route

VERSION = "1.0.0"
ANY_METHODS = ("get", "post", "put", "patch", "delete")
_ERROR = {
    "description": "An error",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def document(catalog: Catalog) -> dict[str, Json]:
    """The OpenAPI document of a catalog. It leaves out the pages of the dashboard."""
    paths: dict[str, dict[str, Json]] = {}
    for route, function in catalog.routes.items():
        if function.kind == "api":
            operations = paths.setdefault(route.path.replace("+}", "}"), {})
            operations.update({method: _operation(route, function, method) for method in _methods(route)})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stepwell", "version": VERSION},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": SCHEMAS},
    }


def _methods(route: Route) -> tuple[str, ...]:
    return ANY_METHODS if route.method == "ANY" else (route.method.lower(),)


def _operation(route: Route, function: Function, method: str) -> dict[str, Json]:
    texts = {"summary": function.summary, "description": function.description}
    parameters = [*_path_parameters(route), *_query_parameters(function)]
    return {
        "operationId": _operation_id(route, function, method),
        **{name: text for name, text in texts.items() if text},
        **({"parameters": parameters} if parameters else {}),
        **({} if function.body is None else {"requestBody": _request_body(function.body)}),
        "responses": _responses(function),
    }


def _operation_id(route: Route, function: Function, method: str) -> str:
    """The name of a built-in function. A user's function may have the same name, so its id comes from the route."""
    return function.name if function.builtin else re.sub(r"\W+", "_", f"{method} {route.path}").strip("_")


def _path_parameters(route: Route) -> Iterator[Json]:
    for name in route.variables:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(function: Function) -> Iterator[Json]:
    for name, schema in function.query.items():
        yield {"name": name, "in": "query", "schema": schema}


def _request_body(schema: Json) -> Json:
    """A body that may be null is optional: an absent body counts as null."""
    types = schema.get("type", "null" if "$ref" not in schema else "object")
    return {"required": "null" not in types, "content": {"application/json": {"schema": schema}}}


def _responses(function: Function) -> dict[str, Json]:
    answers = function.answers or {200: {}}
    return {str(status): _response(status, schema) for status, schema in answers.items()} | {"default": _ERROR}


def _response(status: int, schema: Json) -> Json:
    try:
        description = HTTPStatus(status).phrase
    except ValueError:
        description = str(status)
    if schema is None:
        return {"description": description}
    media_type = schema.get("contentMediaType", "application/json")
    return {"description": description, "content": {media_type: {"schema": schema}}}
