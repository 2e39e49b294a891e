"""A field of a state whose value comes from an expression, whichever query language the state is written in.

Compiled once, when the machine is loaded. What an evaluation may raise is of its language: PathMissing and
IntrinsicFault in JSONPath, JsonataFault in JSONata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from runtime.engine.intrinsics import Call
from runtime.engine.jsonata import JsonataTemplate
from runtime.engine.jsonata import compile_template as compile_jsonata
from runtime.engine.paths import Path
from runtime.engine.scope import Scope
from runtime.engine.templates import Template, evaluate, expression
from runtime.engine.templates import compile as compile_template

Json = Any


class Field(Protocol):
    """``name`` is the field's name in the definition."""

    @property
    def name(self) -> str: ...
    def value(self, scope: Scope) -> Json: ...


@dataclass(frozen=True)
class Constant:
    name: str
    constant: Json

    def value(self, scope: Scope) -> Json:
        return self.constant


@dataclass(frozen=True)
class Reference:
    """A path or an intrinsic function, as the fields that end in ``Path`` have it."""

    name: str
    node: Path | Call

    def value(self, scope: Scope) -> Json:
        return evaluate(self.node, scope)


@dataclass(frozen=True)
class PayloadTemplate:
    name: str
    template: Template

    def value(self, scope: Scope) -> Json:
        return self.template.render(scope)


@dataclass(frozen=True)
class Jsonata:
    name: str
    template: JsonataTemplate

    def value(self, scope: Scope) -> Json:
        return self.template.within(scope.bindings, scope.at, scope.chance)


def template_of(body: Mapping[str, Json], name: str, is_jsonata: bool) -> Field | None:
    """The field as a template of the state's language; None when it is not there."""
    if name not in body:
        return None
    return jsonata_of(name, body[name]) if is_jsonata else PayloadTemplate(name, compile_template(body[name]))


def value_of(body: Mapping[str, Json], name: str, is_jsonata: bool) -> Field | None:
    """A plain field that may be computed: by JSONata in itself, in JSONPath by its twin whose name ends in Path."""
    if name in body:
        return jsonata_of(name, body[name]) if is_jsonata else Constant(name, body[name])
    twin = f"{name}Path"
    return Reference(twin, expression(body[twin])) if twin in body else None


def jsonata_of(name: str, value: Json) -> Field:
    """A field of a JSONata state: whatever strings in it are expressions."""
    return Jsonata(name, compile_jsonata(value))
