"""Fields of states that may hold an expression, in either query language.

A field is compiled once, when the machine is loaded. Its evaluation raises the faults of its language: PathMissing and
IntrinsicFault in JSONPath, JsonataFault in JSONata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.intrinsics import IntrinsicCall
from stepwell.runtime.engine.language.jsonata import expressions
from stepwell.runtime.engine.language.jsonata.expressions import JsonataTemplate
from stepwell.runtime.engine.language.jsonata.expressions import compile_template as compile_jsonata
from stepwell.runtime.engine.language.paths import Path, PathMissing, parse
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.language.templates import NoValue, Template, evaluate, expression
from stepwell.runtime.engine.language.templates import compile as compile_template
from stepwell.runtime.engine.values.jsontext import Json


class NoStep(PathMissing):
    """There is nothing at the reference path of a field; the message is AWS's."""


class Field(Protocol):
    """``name`` is the field's name in the definition."""

    @property
    def name(self) -> str: ...
    def value(self, scope: Scope) -> Json:
        """The value of the field. Raises the faults of its language."""


@dataclass(frozen=True)
class Constant:
    """A field without an expression."""

    name: str
    constant: Json

    def value(self, scope: Scope) -> Json:
        return self.constant


@dataclass(frozen=True)
class Reference:
    """A path or an intrinsic function: a field whose name ends in ``Path``."""

    name: str
    node: Path | IntrinsicCall

    def value(self, scope: Scope) -> Json:
        try:
            return evaluate(self.node, scope)
        except NoValue:
            raise
        except PathMissing as fault:
            raise self._nowhere(fault, scope.document) from None

    def _nowhere(self, fault: PathMissing, document: Json) -> PathMissing:
        if self.name in ("ErrorPath", "CausePath"):
            return NoValue(aws_messages.no_value(fault.path, self.name, document), fault.path)
        if self.name in ("SecondsPath", "TimestampPath"):
            return NoValue(aws_messages.no_parameter(self.name, fault.path), fault.path)
        return NoStep(aws_messages.no_step(parse(fault.path), document), fault.path)


@dataclass(frozen=True)
class PayloadTemplate:
    """A template in JSONPath."""

    name: str
    template: Template

    def value(self, scope: Scope) -> Json:
        return self.template.render(scope)


@dataclass(frozen=True)
class Jsonata:
    """A template in JSONata."""

    name: str
    template: JsonataTemplate

    def value(self, scope: Scope) -> Json:
        return self.template.within(scope.bindings, scope.at, scope.dice)

    def expected(self, kind: str, value: Json) -> Json:
        """The value, if it is of this kind, a key of ``expressions.KINDS``. Raises JsonataFault, in AWS's words."""
        node = self.template.node
        return expressions.expect(kind, value, node.text if isinstance(node, expressions.Expression) else str(node))


def template_of(body: Mapping[str, Json], name: str, is_jsonata: bool, inside: str = "") -> Field | None:
    """The field as a template in the state's language; None when the state has no such field.

    ``inside`` is the location of ``body`` in the state, as a prefix: AWS's messages name the field with it.
    """
    if name not in body:
        return None
    shown = f"{inside}{name}"
    return jsonata_of(shown, body[name]) if is_jsonata else PayloadTemplate(shown, compile_template(body[name]))


def value_of(body: Mapping[str, Json], name: str, is_jsonata: bool) -> Field | None:
    """A plain field that may be computed: in JSONata by itself, in JSONPath by its twin whose name ends in Path."""
    if name in body:
        return jsonata_of(name, body[name]) if is_jsonata else Constant(name, body[name])
    twin = f"{name}Path"
    return Reference(twin, expression(body[twin])) if twin in body else None


def jsonata_of(name: str, value: Json) -> Jsonata:
    """A field of a JSONata state: any of its strings may be an expression."""
    return Jsonata(name, compile_jsonata(value))
