"""JSONata in the Amazon States Language: ``"{% $states.input.total > 20 %}"``.

An expression is compiled once. Its value depends on the arguments alone: the ``$states`` object, the variables, the
event's time and its dice. Faults have AWS's messages, which name the field: the caller gives the field's name, the
fault has the steps from the field to the expression.

Sources: the Amazon States Language specification, "JSONata"; the Step Functions guide, "Transforming data with
JSONata"; AWS's answers as measured in the public issues floci-io/floci#2665, #2736, #2737, #2745 and #2662.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonata import JException, Jsonata, Parser  # type: ignore[import-untyped]

from stepwell.runtime.engine.language.budget import Budget, BudgetExceeded, MoveTookTooLong
from stepwell.runtime.engine.language.jsonata.evaluation import Evaluation, Randomness, message, plain
from stepwell.runtime.engine.language.jsonata.regex import Regex
from stepwell.runtime.engine.language.jsonata.values import Refused, Unsupported, marked, shown
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.locations import Step, Steps, slashed

OPENING, CLOSING = "{%", "%}"
RESERVED, CONTEXT = "states", "context"
MOST_CHARACTERS = 65_536
MOST_STEPS_WRITTEN = 4_000
"""The parser's work grows with the square of the number of a path's steps."""
_CACHED = 4096
_CODE = re.compile(r"[A-Z]\d{4}")


class JsonataSyntax(ValueError):
    """The text is no expression, or none for a state machine. ``position`` is the index of the fault's character, or
    None.

    ``where`` has the steps from the value that was compiled to the expression.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        self.position = position
        self.where: Steps = ()
        super().__init__(message)


class JsonataFault(ValueError):
    """An expression could not be evaluated. ``where`` has the steps from the field to the expression."""

    def __init__(self, expression: str, reason: str) -> None:
        self.expression = expression
        self.reason = reason
        self.where: Steps = ()
        super().__init__(reason)

    def cause(self, field: str) -> str:
        """AWS's message. It names the expression, the field and the reason."""
        place = self.location(field)
        return f"The JSONata expression '{self.expression}' specified for the field '{place}' {self.reason}"

    def location(self, field: str) -> str:
        """The field and the steps to the expression inside it, as AWS writes them: ``Output/a[0]``."""
        return f"{field}{slashed(self.where)}".removeprefix("/")


class Undefined(JsonataFault):
    """returned nothing (undefined)."""

    def __init__(self, expression: str) -> None:
        super().__init__(expression, str(type(self).__doc__))


class ExpressionScope:
    """The scope of expressions: ``$states`` and the variables. Expressions that share it prepare each value once.

    All of them are charged to ``budget``. ``make_context`` makes the member ``context`` of ``$states``, which few read.
    """

    def __init__(
        self,
        states: Mapping[str, Json],
        variables: Mapping[str, Json],
        budget: Budget | None = None,
        make_context: Callable[[], Mapping[str, Json]] | None = None,
    ) -> None:
        self.budget = Budget() if budget is None else budget
        self._outside = variables
        self._states = states
        self._make_context = make_context
        self._marked: dict[str, Any] = {}
        self._marked_states: dict[str, Any] = {}

    def bindings(self, names: frozenset[str], members: frozenset[str] | None = None) -> dict[str, Any]:
        """The variables of these names, with NULL for null. Raises BudgetExceeded.

        ``members`` are those of ``$states`` that are wanted; None for all.
        """
        for name in (names & self._outside.keys()) - self._marked.keys():
            self._marked[name] = marked(self._outside[name], self.budget.element)
        found = {name: self._marked[name] for name in names if name in self._marked}
        if RESERVED in names:
            found[RESERVED] = self._of_states(members)
        return found

    def _of_states(self, members: frozenset[str] | None) -> dict[str, Any]:
        if self._make_context is not None and (members is None or CONTEXT in members):
            self._states = {**self._states, CONTEXT: self._make_context()}
            self._make_context = None
        wanted = [name for name in self._states if members is None or name in members]
        for name in wanted:
            if name not in self._marked_states:
                self._marked_states[name] = marked(self._states[name], self.budget.element)
        return {name: self._marked_states[name] for name in wanted}


@dataclass(frozen=True)
class Expression:
    """A compiled expression. It never changes, so threads may share it."""

    text: str
    variables: frozenset[str]
    """The names that it does not bind itself, without ``$``: ``states``, the workflow's variables, built-in
    functions."""
    tree: Any = field(repr=False, compare=False)
    members: frozenset[str] | None = None
    """The members of ``$states`` that it reads; None where it may read any."""

    def value(self, states: Mapping[str, Json], variables: Mapping[str, Json], at: int, dice: Randomness) -> Json:
        """The value of the expression. Raises JsonataFault; Undefined when there is none."""
        return self.within(ExpressionScope(states, variables), at, dice)

    def within(self, scope: ExpressionScope, at: int, dice: Randomness) -> Json:
        """The value of the expression in a shared scope. Raises JsonataFault; Undefined when there is none.

        Raises MoveTookTooLong, and BudgetExceeded when the move has met its bound before.
        """
        try:
            value = Evaluation(self.tree, at, dice, scope.budget).of(scope.bindings(self.variables, self.members))
            if value is not None:
                return plain(value, scope.budget.element)
        except MoveTookTooLong:
            raise
        except BudgetExceeded as fault:
            if fault.is_final:
                raise
            raise JsonataFault(self.text, f"threw an error during evaluation: {_TOO_LONG}. {fault}") from None
        except JException as fault:
            reason = f"{fault.error}: {message(fault)}" if _CODE.fullmatch(str(fault.error)) else message(fault)
            raise JsonataFault(self.text, f"threw an error during evaluation. {reason}") from None
        except Unsupported:
            raise JsonataFault(self.text, "returned an unsupported result type.") from None
        except Exception as fault:  # the library lets Python's own exceptions through
            raise JsonataFault(self.text, f"threw an error during evaluation: {_words(fault)}") from None
        raise Undefined(self.text)


def _words(fault: Exception) -> str:
    """The message of a fault that is not the language's own: a refusal of ours as it is, others by their type."""
    if isinstance(fault, Refused):
        return str(fault)
    return _OTHERS.get(type(fault), f"{type(fault).__name__}: {str(fault)[:200]}")


_OTHERS: Mapping[type[Exception], str] = {
    RecursionError: "Stack overflow error: the value or the expression is nested too deeply",
}
_TOO_LONG = "Expression evaluation timeout: Check for infinite loop"


@functools.lru_cache(maxsize=_CACHED)
def compile(text: str) -> Expression:
    """The compiled form of an expression, given without its delimiters. Raises JsonataSyntax."""
    text = text.strip()
    if len(text) > MOST_CHARACTERS or text.count(".") > MOST_STEPS_WRITTEN:
        raise JsonataSyntax(f"longer than {MOST_CHARACTERS} characters or {MOST_STEPS_WRITTEN} steps")
    try:
        tree = Jsonata.get_parser().parse(text, Regex)  # one per thread: to make it costs more than to parse most texts
    except JException as fault:
        raise JsonataSyntax(message(fault), fault.location if fault.location >= 0 else None) from None
    except Exception as fault:  # the library's parser stumbles over some texts, the regex compiler over others
        raise JsonataSyntax(f"the expression cannot be parsed: {str(fault)[:200]}") from None
    for node in _nodes(tree):
        if node.type == "string":
            node.value = _paired(node.value)
    bound = {name for node in _nodes(tree) for name in _binds(node)}
    if RESERVED in bound:
        raise JsonataSyntax(f"${RESERVED} is reserved and cannot be assigned to")
    used = {str(node.value) for node in _nodes(tree) if node.type == "variable"}
    return Expression(text, frozenset(used - bound - {"", "$"}), tree, _members_read(tree))


def _paired(text: str) -> str:
    """The text with each surrogate pair, as escapes in a literal make them, joined into one character."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def top_level_references(expression: Expression) -> tuple[str, ...]:
    """The names that an expression reads from a context at its top level. AWS refuses them: there is no context."""
    return tuple(dict.fromkeys(_references(expression.tree)))


def members_of_states(expression: Expression) -> frozenset[str]:
    """The members of ``$states`` that an expression reads: ``$states.result.total`` reads ``result``."""
    found = set()
    for node in _nodes(expression.tree):
        if node.type == "path" and len(node.steps) > 1:
            first, second = node.steps[:2]
            if first.type == "variable" and first.value == RESERVED and second.type == "name":
                found.add(str(second.value))
    return frozenset(found)


def _members_read(tree: Any) -> frozenset[str] | None:
    """The members of ``$states`` that an expression reads; None where it uses ``$states`` itself."""
    found, uses = set(), 0
    for node in _nodes(tree):
        if node.type == "parent":
            return None
        uses += node.type == "variable" and node.value == RESERVED
        if node.type == "path" and len(node.steps) > 1:
            first, second = node.steps[:2]
            is_plain = all(getattr(first, name, None) is None for name in _OF_STEPS)
            if first.type == "variable" and first.value == RESERVED and second.type == "name" and is_plain:
                found.add(str(second.value))
                uses -= 1
    return None if uses else frozenset(found)


_OF_STEPS = ("predicate", "stages", "focus", "index", "ancestor", "tuple", "group")


def _references(node: Any) -> Iterator[str]:
    if node.type == "path":
        yield from _references(node.steps[0])
        return
    if node.type == "name":
        yield str(node.value)
    if node.type == "variable" and node.value in ("", "$"):
        yield f"${node.value}"
    inner = {name: value for name, value in vars(node).items() if name not in _OWN_CONTEXT}
    for child in _children(inner):
        yield from _references(child)


_OWN_CONTEXT = {"predicate", "stages", "group", "terms", "pattern", "update", "delete", "slot", "seeking_parent"}
"""The members of a node that have a context of their own, or are no expressions."""


def _binds(node: Any) -> Iterator[str]:
    if node.type == "bind":
        yield str(node.lhs.value)
    if node.type == "lambda":
        yield from (str(argument.value) for argument in node.arguments)
    yield from (str(name) for name in (getattr(node, "focus", None), getattr(node, "index", None)) if name)


def _nodes(tree: Any) -> Iterator[Any]:
    waiting, met = [tree], set()
    while waiting:
        node = waiting.pop()
        if id(node) not in met:
            met.add(id(node))
            yield node
            waiting.extend(_children(vars(node)))


def _children(members: Any) -> Iterator[Any]:
    for value in members.values() if isinstance(members, dict) else members:
        if isinstance(value, Parser.Symbol):
            yield value
        elif isinstance(value, list | tuple):
            yield from _children(value)


def is_expression(text: Json) -> bool:
    """True if a string is an expression: it begins with ``{%`` and ends with ``%}``, without spaces around them."""
    return isinstance(text, str) and len(text) >= 4 and text.startswith(OPENING) and text.endswith(CLOSING)


def expression(text: str) -> Expression:
    """The expression between the delimiters. Raises JsonataSyntax, also when one of the delimiters is missing."""
    if not is_expression(text):
        raise JsonataSyntax(
            f"the expression must begin with '{OPENING}' and end with '{CLOSING}', without spaces around"
        )
    return compile(text[len(OPENING) : -len(CLOSING)])


def expect(kind: str, value: Json, text: str) -> Json:
    """The value, if it is of this kind, a key of KINDS.

    Raises JsonataFault, in AWS's words; ``text`` is the expression.
    """
    if KINDS[kind](value):
        return value
    reason = f"Expected '{kind}', but was '{kind_of(value)}' for value: {shown(value)}"
    raise JsonataFault(text, f"returned an unexpected result type. {reason}")


def kind_of(value: Json) -> str:
    """The JSONata name of a value's type."""
    return next(kind for kind in ("null", "boolean", "number", "string", "array", "object") if KINDS[kind](value))


KINDS: Mapping[str, Callable[[Json], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


@dataclass(frozen=True)
class JsonataTemplate:
    """JSON with expressions in some strings. ``node`` is a literal, an Expression, or an object or list of nodes."""

    node: Any

    @property
    def is_constant(self) -> bool:
        """True if the template has no expression: it always renders to itself."""
        return not _is_live(self.node)

    def render(self, states: Mapping[str, Json], variables: Mapping[str, Json], at: int, dice: Randomness) -> Json:
        """The template with the value of each expression.

        Raises JsonataFault, which has the steps to the expression.
        """
        return self.within(ExpressionScope(states, variables), at, dice)

    def within(self, scope: ExpressionScope, at: int, dice: Randomness) -> Json:
        """The same as :meth:`render`, in a shared scope. Raises TooLarge, BudgetExceeded and MoveTookTooLong, too."""
        take = scope.budget.rendering().take
        return _render(self.node, lambda one: take(one.within(scope, at, dice)))

    def expressions(self) -> Iterator[tuple[Steps, Expression]]:
        """Every expression in the template, each with the steps to it."""
        return _expressions(self.node, ())


@dataclass(frozen=True)
class _Members:
    nodes: dict[str, Any]


@dataclass(frozen=True)
class _Items:
    nodes: tuple[Any, ...]


def compile_template(value: Json) -> JsonataTemplate:
    """The compiled form of a template. Raises JsonataSyntax, which has the steps to the expression."""
    return JsonataTemplate(_compile(value))


def _compile(value: Json) -> Any:
    if isinstance(value, str):
        return expression(value) if value.startswith(OPENING) or value.endswith(CLOSING) else value
    if isinstance(value, dict):
        members = {name: _at(name, _compile, one) for name, one in value.items()}
        return _Members(members) if any(map(_is_live, members.values())) else value
    if isinstance(value, list):
        items = [_at(index, _compile, one) for index, one in enumerate(value)]
        return _Items(tuple(items)) if any(map(_is_live, items)) else value
    return value


def _render(node: Any, evaluate: Callable[[Expression], Json]) -> Json:
    if isinstance(node, Expression):
        return evaluate(node)
    if isinstance(node, _Members):
        return {name: _at(name, _render, one, evaluate) for name, one in node.nodes.items()}
    if isinstance(node, _Items):
        return [_at(index, _render, one, evaluate) for index, one in enumerate(node.nodes)]
    return node


def _at(step: Step, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function, and put this step in front of the steps of its faults."""
    try:
        return function(*arguments)
    except (JsonataSyntax, JsonataFault) as fault:
        fault.where = (step, *fault.where)
        raise


def _expressions(node: Any, where: Steps) -> Iterator[tuple[Steps, Expression]]:
    if isinstance(node, Expression):
        yield where, node
    elif isinstance(node, _Members):
        for name, one in node.nodes.items():
            yield from _expressions(one, (*where, name))
    elif isinstance(node, _Items):
        for index, one in enumerate(node.nodes):
            yield from _expressions(one, (*where, index))


def _is_live(node: Any) -> bool:
    return isinstance(node, Expression | _Members | _Items)
