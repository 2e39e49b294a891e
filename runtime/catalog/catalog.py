"""Finds the handlers: every file in the folders of ``functions/`` and of each directory of ``FUNCTIONS_PATH``.

The constants in a handler's file describe it. They are read without importing the file. With a fault in any file, or
with two of one step type, route or target, the process does not start, and the message names the files.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stepwell.functions.contract import Json
from stepwell.functions.contract.rest import FunctionView
from stepwell.functions.contract.schemas import SCHEMAS
from stepwell.runtime.catalog.source import CatalogError, Source, read_source
from stepwell.runtime.engine.definition import field_kinds, rules
from stepwell.runtime.engine.definition.steplist import FunctionDefaults
from stepwell.runtime.engine.values import jsontext, names
from stepwell.runtime.engine.values.locations import Location
from stepwell.runtime.http.body_schema import BodySchema
from stepwell.runtime.http.routes import Route, parse_route
from stepwell.runtime.settings import ROOT

__all__ = ["Catalog", "CatalogError", "Function"]

log = logging.getLogger("stepwell.catalog")


KINDS = {"steps": "step", "api": "api", "dashboard": "dashboard", "sfn": "sfn", "lambda_api": "lambda"}
USERS_KINDS = {"steps": "step", "api": "api"}
"""The folders that are searched, and the kind of the handlers in each."""
FOUND_BY = {"api": "ROUTE", "dashboard": "ROUTE", "lambda": "ROUTE", "sfn": "TARGET"}
"""The constant by which a request finds its handler. A step type is found by its name."""
BODY_LIMITS = ("body", "definition_body", "invoke_body", "code_body")
_TARGET = re.compile(r"AWSStepFunctions\.[A-Za-z]+")
_STATUSES = range(200, 600)


@dataclass(frozen=True)
class Function:
    """One handler: its file and its constants. ``module`` is the dotted path below ``root``.

    ``changes`` is True for a GET that changes something: no page of another site may send it.
    """

    name: str
    kind: str
    module: str
    path: Path
    root: Path
    builtin: bool
    summary: str = ""
    description: str = ""
    route: str | None = None
    target: str | None = None
    changes: bool = False
    query: Mapping[str, Json] = field(default_factory=dict)
    body: Json = None
    body_limit: str = "body"
    answers: Mapping[int, Json] = field(default_factory=dict)
    retry: Mapping[str, Json] | None = None
    timeout_seconds: float | None = None

    @property
    def imported_as(self) -> str:
        """The name to import its module by."""
        return f"stepwell.{self.module}" if self.builtin else self.module

    def view(self) -> FunctionView:
        """The handler as a caller may see it."""
        inside = self.path.relative_to(self.root)
        return FunctionView(
            name=self.name,
            kind=self.kind,
            source=str(inside if self.builtin else self.root.name / inside),
            summary=self.summary,
            route=self.route,
            timeout_seconds=self.timeout_seconds,
            retry=self.retry,
        )


@dataclass(frozen=True)
class Catalog:
    """All handlers: ``steps`` by step type, ``routes`` by route, ``targets`` by AWS's operation."""

    functions: tuple[Function, ...]
    steps: Mapping[str, Function]
    routes: Mapping[Route, Function]
    targets: Mapping[str, Function]

    @classmethod
    def load(cls, function_paths: Sequence[Path] = ()) -> Catalog:
        """The built-in handlers and those of each path. Raises CatalogError."""
        found = list(_folder_by_folder(ROOT, ROOT / "functions", KINDS, builtin=True))
        for path in function_paths:
            found += _folder_by_folder(path, path, USERS_KINDS, builtin=False)
        catalog = cls(tuple(found), _steps(found), _routes(found), _targets(found))
        counts = len(catalog.steps), len(catalog.routes), len(catalog.targets)
        log.info("%d step types, %d routes, %d targets", *counts)
        return catalog

    def defaults(self, name: str) -> FunctionDefaults:
        """The retry and the time-out in a step type's file. A workflow version freezes them."""
        step = self.steps[name]
        return FunctionDefaults(retry=step.retry, timeout_seconds=step.timeout_seconds)


def _folder_by_folder(root: Path, functions: Path, kinds: Mapping[str, str], *, builtin: bool) -> Iterator[Function]:
    for folder, kind in kinds.items():
        for path in sorted((functions / folder).glob("*.py")):
            if not path.name.startswith("_"):
                yield _function(read_source(path), kind, root, builtin)


def _function(source: Source, kind: str, root: Path, builtin: bool) -> Function:
    name = source.path.stem
    if fault := "a function's name has no dot" if "." in name else names.fault_of(name):
        raise CatalogError(source.path, 1, fault)
    _check_found_by(source, kind)
    members = {_MEMBERS[constant][0]: _checked(source, constant) for constant in source.literals}
    return Function(
        name=name,
        kind=kind,
        module=".".join(source.path.relative_to(root).with_suffix("").parts),
        path=source.path,
        root=root,
        builtin=builtin,
        summary=source.summary,
        description=source.description,
        **members,
    )


def _check_found_by(source: Source, kind: str) -> None:
    wanted = FOUND_BY.get(kind)
    if wanted and wanted not in source.literals:
        raise CatalogError(source.path, 1, f"has no {wanted}")
    for other in {"ROUTE", "TARGET"} & source.literals.keys() - {wanted}:
        what = "a step type" if kind == "step" else "found by its " + str(wanted)
        raise CatalogError(source.path, 1, f"has a {other}, but is {what}")


def _checked(source: Source, constant: str) -> Json:
    literal = source.literals[constant]
    try:
        return _MEMBERS[constant][1](literal.value)
    except ValueError as fault:
        raise CatalogError(source.path, literal.line, f"{constant} {fault}") from None


def _steps(functions: Sequence[Function]) -> dict[str, Function]:
    steps: dict[str, Function] = {}
    for function in functions:
        if function.kind == "step":
            _refuse_second(steps.get(function.name), function, f"the step type {function.name!r}")
            steps[function.name] = function
    return steps


def _routes(functions: Sequence[Function]) -> dict[Route, Function]:
    routes: dict[Route, Function] = {}
    shapes: dict[object, Function] = {}
    for function in functions:
        if function.route is not None:
            route = parse_route(function.route)
            _refuse_second(shapes.get(route.shape), function, f"the route {route.key!r}")
            routes[route] = shapes[route.shape] = function
    return routes


def _targets(functions: Sequence[Function]) -> dict[str, Function]:
    targets: dict[str, Function] = {}
    for function in functions:
        if function.target is not None:
            _refuse_second(targets.get(function.target), function, f"the target {function.target!r}")
            targets[function.target] = function
    return targets


def _refuse_second(first: Function | None, second: Function, what: str) -> None:
    if first:
        raise CatalogError(second.path, 1, f"{what} stands already in {first.path}")


def _route_key(value: Json) -> str:
    return parse_route(value).key


def _target(value: Json) -> str:
    if not isinstance(value, str) or not _TARGET.fullmatch(value):
        raise ValueError(f"must be like 'AWSStepFunctions.StartExecution', not {value!r}")
    return value


def _truth(value: Json) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be True or False, not {value!r}")
    return value


def _schema(value: Json) -> Json:
    if not isinstance(value, dict):
        raise ValueError(f"must be a JSON Schema, not {value!r}")
    jsontext.write(value)
    return value


def _body(value: Json) -> Json:
    BodySchema(_schema(value), SCHEMAS)
    return value


def _query(value: Json) -> Json:
    if not isinstance(value, dict):
        raise ValueError("must map the names of query parameters to JSON Schemas")
    return {str(name): _schema(one) for name, one in value.items()}


def _answers(value: Json) -> Json:
    if not isinstance(value, dict) or not all(type(status) is int and status in _STATUSES for status in value):
        raise ValueError("must map statuses from 200 to 599 to JSON Schemas, or to None where there is no body")
    return {status: one if one is None else _schema(one) for status, one in value.items()}


def _body_limit(value: Json) -> str:
    if value not in BODY_LIMITS:
        raise ValueError(f"must be one of {', '.join(BODY_LIMITS)}, not {value!r}")
    return str(value)


def _seconds(value: Json) -> float:
    _refuse_faults(rules.SECONDS(value, Location()))
    return float(value)


def _retry(value: Json) -> Json:
    if isinstance(value, dict) and not all(isinstance(member, str) for member in value):
        raise ValueError("has a member whose name is no string")
    _refuse_faults(field_kinds.check(value, Location(), rules.RETRY, "a retry"))
    return value


def _refuse_faults(faults: Iterator[field_kinds.Fault]) -> None:
    for fault in faults:
        raise ValueError(f"{fault.path.removeprefix('$.')}: {fault.full_message}".removeprefix("$: "))


_MEMBERS: Mapping[str, tuple[str, Callable[[Json], Json]]] = {
    "ROUTE": ("route", _route_key),
    "TARGET": ("target", _target),
    "CHANGES": ("changes", _truth),
    "QUERY": ("query", _query),
    "BODY": ("body", _body),
    "BODY_LIMIT": ("body_limit", _body_limit),
    "ANSWERS": ("answers", _answers),
    "RETRY": ("retry", _retry),
    "TIMEOUT_SECONDS": ("timeout_seconds", _seconds),
}
