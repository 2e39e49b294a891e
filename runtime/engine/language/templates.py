"""Payload templates: JSON in which a member ``"name.$"`` gets its value from a path or an intrinsic function.

Source: the Amazon States Language specification, section "Payload Template".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.intrinsics import IntrinsicCall, IntrinsicFault, parse_call
from stepwell.runtime.engine.language.paths import Path, PathMissing, parse
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.locations import Step, Steps


@dataclass(frozen=True)
class Template:
    """A compiled template. ``node`` is a literal, an expression, or an object or list of nodes."""

    node: Any
    parts: int = 0
    """How many paths and calls the template has."""
    makes: bool = False
    """Whether one of them makes its value. The others give a part of the document, however large, and make nothing."""

    def reads_input(self) -> bool:
        """True if a member gets its value from a path into the state's own data."""
        waiting = [self.node]
        while waiting:
            one = waiting.pop()
            if isinstance(one, Path) and one.is_of_input:
                return True
            waiting += one.nodes if isinstance(one, _Items) else ()
            waiting += (node for _, node in one.filled) if isinstance(one, _Members) else ()
        return False

    def render(self, scope: Scope) -> Json:
        """The template filled in. Raises NoValue, IntrinsicFault, TooLarge, BudgetExceeded."""
        scope.budget.element(self.parts)
        return _render(self.node, scope, scope.budget.rendering().take if self.makes else _given)


@dataclass(frozen=True)
class _Members:
    """An object with live members: ``filled`` are those, ``literal`` the others, ``order`` all names in order."""

    literal: dict[str, Json]
    filled: tuple[tuple[str, Any], ...]
    order: tuple[str, ...]


@dataclass(frozen=True)
class _Items:
    nodes: tuple[Any, ...]


def compile(template: Json) -> Template:
    """The compiled form of a template. Raises PathSyntax, IntrinsicSyntax, or ValueError for a wrong member."""
    node = _compile(template)
    parts = list(_parts(node))
    return Template(node, len(parts), any(isinstance(one, IntrinsicCall) or one.segments for one in parts))


def _parts(node: Any) -> Iterator[Path | IntrinsicCall]:
    if isinstance(node, Path | IntrinsicCall):
        yield node
    for one in [one for _, one in node.filled] if isinstance(node, _Members) else ():
        yield from _parts(one)
    for one in node.nodes if isinstance(node, _Items) else ():
        yield from _parts(one)


def _given(part: Json) -> Json:
    return part


def faults(template: Json, way: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """The faults of a template, each with the steps to it. A template without faults can be compiled."""
    if isinstance(template, dict):
        try:
            _refuse_doubled([name.removesuffix(".$") for name in template])
        except ValueError as fault:
            yield way, str(fault)
    for step, value in _steps(template):
        if isinstance(step, int) or not step.endswith(".$"):
            yield from faults(value, (*way, step))
            continue
        try:
            expression(value)
        except ValueError as fault:
            yield (*way, step), str(fault)


def _steps(node: Json) -> Iterable[tuple[Step, Json]]:
    return node.items() if isinstance(node, dict) else enumerate(node if isinstance(node, list) else ())


def expression(text: Json) -> Path | IntrinsicCall:
    """The compiled value of a ``.$`` member: a path or a call. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("the value of a member that ends in '.$' must be a path or an intrinsic function")
    return parse(text) if text.startswith("$") else parse_call(text)


def _compile(node: Json) -> Any:
    if isinstance(node, dict):
        members = [_member(name, value) for name, value in node.items()]
        _refuse_doubled([name for name, _ in members])
        if all(not _is_live(value) for _, value in members):
            return dict(members)
        live = tuple((name, value) for name, value in members if _is_live(value))
        literal = {name: value for name, value in members if not _is_live(value)}
        return _Members(literal, live, tuple(name for name, _ in members))
    if isinstance(node, list):
        nodes = [_compile(one) for one in node]
        return _Items(tuple(nodes)) if any(_is_live(one) for one in nodes) else nodes
    return node


def _member(name: str, value: Json) -> tuple[str, Any]:
    return (name[:-2], expression(value)) if name.endswith(".$") else (name, _compile(value))


def _refuse_doubled(names: list[str]) -> None:
    twice, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise ValueError(f"the member {twice!r} is given twice, once as {twice + '.$'!r}")


def _is_live(node: Any) -> bool:
    return isinstance(node, Path | IntrinsicCall | _Members | _Items)


class NoValue(PathMissing):
    """There is nothing at a path in a template; the message is AWS's."""


def evaluate(node: Path | IntrinsicCall, scope: Scope) -> Json:
    """The value of a path or a call. Raises PathMissing, NoValue for the path of an argument, IntrinsicFault."""
    if isinstance(node, Path):
        return scope.at_path(node)
    try:
        return node.value(scope.document, scope.context, scope.variables, scope.dice, scope.budget)
    except PathMissing as fault:
        raise NoValue(aws_messages.no_argument(node.text, fault.path, scope.document), fault.path) from None
    except IntrinsicFault as fault:
        raise IntrinsicFault(aws_messages.of_intrinsic(node.text, str(fault))) from None


def _render(node: Any, scope: Scope, take: Callable[[Json], Json]) -> Json:
    if isinstance(node, Path | IntrinsicCall):
        return take(evaluate(node, scope))
    if isinstance(node, _Members):
        filled = {name: _filled(name, value, scope, take) for name, value in node.filled}
        return {name: filled[name] if name in filled else node.literal[name] for name in node.order}
    if isinstance(node, _Items):
        return [_render(one, scope, take) for one in node.nodes]
    return node


def _filled(name: str, node: Any, scope: Scope, take: Callable[[Json], Json]) -> Json:
    if not isinstance(node, Path):
        return _render(node, scope, take)
    try:
        return take(evaluate(node, scope)) if node.segments else evaluate(node, scope)
    except PathMissing as fault:
        raise NoValue(aws_messages.no_value(node.text, f"{name}.$", scope.document), fault.path) from None
