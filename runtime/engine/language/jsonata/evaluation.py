"""One evaluation of a JSONata expression by jsonata-python: bounded, and answering as jsonata.js does.

The bounds are counts, not times, so the same expression over the same data ends the same way on every machine. Counted
are the depth of calls, the steps (large values cost more than one), and the size of each value. Only regular
expressions have a time limit, since nothing can count their work.
"""

from __future__ import annotations

import copy
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import regex  # type: ignore[import-untyped]
from jsonata import JException, Jsonata, Signature, Utils  # type: ignore[import-untyped]

from stepwell.runtime.engine.language.jsonata.functions import FUNCTIONS, matched
from stepwell.runtime.engine.language.jsonata.values import (
    LARGEST,
    LONGEST_STRING,
    NULL,
    OutOfMemory,
    Refused,
    Value,
    check_length,
    is_function,
    is_number,
    marked,
    rounded,
    shown,
    string,
)
from stepwell.runtime.engine.values.jsontext import Json

DEEPEST = 100
MOST_STEPS = 250_000
"""About a second of one core. AWS allows a second; a count does not depend on the load of the machine."""
_MEMBERS_PER_STEP = 64
_CONTAINERS_PER_STEP = 4
_CHARACTERS_PER_STEP = 1024
_QUADRATIC_PER_STEP = 4096
_REGEX_SECONDS = 0.5
_MAKERS = frozenset({"unary", "function", "apply"})

_TOO_DEEP = "Stack overflow error: Check for non-terminating recursive function.  Consider rewriting as tail-recursive."
_TOO_LONG = "Expression evaluation timeout: Check for infinite loop"


class Randomness(Protocol):
    """The randomness of an evaluation: the same dice give the same values."""

    def fraction(self) -> float:
        """A random number in [0, 1)."""

    def uuid(self) -> str:
        """A random UUID, version 4."""


class Regex:
    """A regular expression of JavaScript with a time limit: some patterns take for ever on a short text.

    All methods raise TimeoutError after half a second.
    """

    arguments = ("text",)

    def __init__(self, pattern: str, flags: Any) -> None:
        narrow = 0 if flags.case_insensitive and not pattern.isascii() else regex.ASCII
        wide = (regex.IGNORECASE if flags.case_insensitive else 0) | (regex.MULTILINE if flags.multiline else 0)
        self._pattern = regex.compile(pattern if flags.multiline else _at_the_very_end(pattern), narrow | wide)

    def search(self, text: str) -> Any:
        return self._pattern.search(text, timeout=_REGEX_SECONDS)

    def finditer(self, text: str) -> Any:
        for match in self._pattern.finditer(text, timeout=_REGEX_SECONDS):
            if match.start() == match.end():
                raise JException("D1004", -1, text)
            yield match

    def sub(self, replacement: Any, text: str, count: int = 0) -> str:
        return str(self._pattern.sub(replacement, text, count, timeout=_REGEX_SECONDS))

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        return list(self._pattern.split(text, maxsplit, timeout=_REGEX_SECONDS))

    def call(self, _: Value, arguments: list[Value]) -> Value:
        """Call the expression as a function: it returns the first match."""
        match = next(self.finditer(arguments[0]), None) if isinstance(arguments[0], str) else None
        return matched(match) if match else None


def _at_the_very_end(pattern: str) -> str:
    """The pattern with ``\\Z`` for ``$``: in JavaScript ``$`` does not match before a last newline."""
    return re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", lambda found: r"\Z" if found[0] == "$" else found[0], pattern)


class VariableFrame(Jsonata.Frame):  # type: ignore[misc]
    """A scope of variables. Unlike the library's, it does not rename a function that is bound to a variable."""

    def bind(self, name: str, value: Value) -> None:
        self.bindings[name] = value

    def lookup(self, name: str) -> Value:
        frame = self
        while frame is not None:
            if name in frame.bindings:
                return frame.bindings[name]
            frame = frame.parent
        return None


class _Signature(Signature):  # type: ignore[misc]
    """The signature of a built-in function. Unlike the library's, null and a missing argument differ."""

    def get_symbol(self, value: Value) -> str:
        return "l" if value is NULL else str(super().get_symbol(value))

    def validate(self, arguments: Value, context: Value) -> Value:
        try:
            return super().validate(arguments, context)
        except JException as fault:
            if fault.error == "T0411":
                raise JException("T0411", -1, fault.expected, self.function_name) from None
            if fault.error == "T0412":
                raise JException("T0412", -1, fault.current, fault.expected, _KINDS[fault.extra]) from None
            raise


_KINDS = {"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}


class _Repaired:
    """Our functions as attributes of a class: the library finds them in no other way."""


class _Function(Jsonata.JNativeFunction):  # type: ignore[misc]
    """One of our functions. Unlike the library's, it keeps whole numbers exact."""

    def call(self, _: Value, arguments: list[Value]) -> Value:
        result = self.method(*arguments, *[None] * (self.nargs - len(arguments)))
        return rounded(result) if is_number(result) and math.isfinite(result) else result


def _root() -> VariableFrame:
    """The scope of the built-in functions: the library's, ours in place of some, and no $eval."""
    root = VariableFrame(None)
    for name, (_, function) in FUNCTIONS.items():
        setattr(_Repaired, name, staticmethod(function))
    ours = {name: _Function(name, text, _Repaired, name) for name, (text, _) in FUNCTIONS.items()}
    for name, function in {**Jsonata.static_frame.bindings, **ours}.items():
        root.bindings[name] = copy.copy(function)
        root.bindings[name].signature = _Signature.__new__(_Signature)
        vars(root.bindings[name].signature).update(vars(function.signature))
    del root.bindings["eval"]
    return root


ROOT = _root()

_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
}


class Evaluation(Jsonata):  # type: ignore[misc]
    """The library's interpreter, with our bounds and repairs. One evaluation of one expression has one.

    The library finds it in a thread-local variable. ``at`` is in milliseconds since the epoch.
    """

    def __init__(self, tree: Any, at: int, dice: Randomness) -> None:
        self.tree = tree
        self.parser = tree._outer_instance
        self.input = None
        self.environment = None
        self.timestamp = at
        self.dice = dice
        self.depth = 0
        self.steps = 0

    def of(self, variables: Mapping[str, Value]) -> Value:
        """The value of the expression; None for undefined. Raises JException, Refused, and Python's own exceptions."""
        frame = VariableFrame(ROOT)
        frame.bindings.update(variables)
        frame.bindings.update({"__evaluate_entry": None, "__evaluate_exit": None})
        before = getattr(Jsonata.CURRENT, "jsonata", None)
        Jsonata.CURRENT.jsonata = self
        try:
            return self.eval(self.tree, None, frame)
        finally:
            Jsonata.CURRENT.jsonata = before

    def get_per_thread_instance(self) -> Evaluation:
        return self

    def create_frame(self, enclosing: VariableFrame | None = None) -> VariableFrame:
        return VariableFrame(enclosing)

    def _eval(self, tree: Any, context: Value, frame: VariableFrame) -> Value:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Refused(f"{_TOO_DEEP} Depth={self.depth} max={DEEPEST}")
        self.spend(1)
        result = super()._eval(tree, context, frame)
        self.depth -= 1
        if isinstance(result, list | dict | str):
            self._weigh(tree, result)
        return result

    def spend(self, steps: int) -> None:
        """Count steps. Raises Refused when there are too many."""
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise Refused(_TOO_LONG)

    def _weigh(self, tree: Any, result: Value) -> None:
        """Count the steps for the size of a value. Raises OutOfMemory where a value that is too large was made."""
        if isinstance(result, str):
            check_length(len(result))
            self.spend(len(result) // _CHARACTERS_PER_STEP)
            return
        self.spend(len(result) // _MEMBERS_PER_STEP)
        if _is_made(tree, result):
            self.spend(weighing(result))

    def apply_inner(self, function: Value, arguments: Value, context: Value, frame: VariableFrame) -> Value:
        if not is_function(function):
            raise JException("T1006", -1)
        if isinstance(function, Regex):
            return function.call(context, arguments)
        return super().apply_inner(function, arguments, context, frame)

    def evaluate_numeric_expression(self, left: Value, right: Value, sign: str) -> Value:
        for code, side in (("T2001", left), ("T2002", right)):
            if side is not None and not Utils.is_numeric(side):
                raise JException(code, -1, sign, side)
        if left is None or right is None:
            return None
        try:
            return rounded(_ARITHMETIC[sign](float(left), float(right)))
        except ZeroDivisionError:
            return math.copysign(math.inf, left) if left else math.nan
        except ValueError:
            return math.nan

    def evaluate_includes_expression(self, left: Value, right: Value) -> bool:
        if left is None or right is None:
            return False
        members = right if isinstance(right, list) else [right]
        return left in members if isinstance(left, str) else any(_same(left, one) for one in members)

    def evaluate_string_concat(self, left: Value, right: Value) -> str:
        return "".join(string(side, None) or "" for side in (left, right))

    def evaluate_range_expression(self, left: Value, right: Value) -> Value:
        if is_number(left) and is_number(right) and LARGEST <= right - left < 1e7:
            raise OutOfMemory
        return super().evaluate_range_expression(left, right)

    def evaluate_group_expression(self, tree: Any, context: Value, frame: VariableFrame) -> Value:
        if isinstance(context, list):  # the library copies a group each time it grows
            self.spend(len(context) ** 2 // _QUADRATIC_PER_STEP)
        return super().evaluate_group_expression(tree, context, frame)

    def evaluate_transform_expression(self, tree: Any, context: Value, frame: VariableFrame) -> Value:
        return Jsonata.JFunction(_Transformer(self, tree, frame), "<(oa):o>")


class _Transformer(Jsonata.Transformer):  # type: ignore[misc]
    def call(self, context: Value, arguments: list[Value]) -> Value:
        return marked(super().call(context, arguments))  # it works on a copy made by way of a JSON text


def _same(left: Value, right: Value) -> bool:
    if left is right:
        return True
    if isinstance(left, list | dict) or isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def _is_made(tree: Any, result: Value) -> bool:
    """True if this node made its result, so its size was not counted before."""
    made = tree.type in _MAKERS or getattr(tree, "group", None) is not None
    return made or (tree.type == "path" and isinstance(result, Utils.JList))


def weighing(value: Value) -> int:
    """The number of steps that looking at a whole value costs. Raises OutOfMemory when it is too large.

    A part that occurs twice counts twice: an expression can double a value forty times without using more memory.
    """
    waiting, containers, members, characters = [value], 0, 0, 0
    while waiting:
        one = waiting.pop()
        inner = one.values() if isinstance(one, dict) else one
        containers += 1
        members += len(inner)
        for member in inner:
            if isinstance(member, str):
                characters += len(member)
            elif isinstance(member, list | dict):
                waiting.append(member)
        if members > LARGEST or characters > LONGEST_STRING:
            raise OutOfMemory
    return containers // _CONTAINERS_PER_STEP + members // _MEMBERS_PER_STEP


def plain(value: Value) -> Json:
    """The JSON of a value. Infinities and NaN become strings, as on AWS. Raises Refused for a function."""
    if value is NULL or value is None:
        return None
    if isinstance(value, str):
        return _fit(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return rounded(value) if math.isfinite(value) else _NOT_FINITE[str(float(value))]
    if isinstance(value, dict):
        return {_fit(name): plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    raise Refused("the result is or holds a function, which JSON cannot represent")


def _fit(text: str) -> str:
    if not text.isascii() or "\0" in text:
        if _UNFIT.search(text):
            raise Refused("the result holds the character NUL or half a surrogate pair")
    return text


_UNFIT = re.compile("[\0\ud800-\udfff]")
_NOT_FINITE = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}


def message(fault: JException) -> str:
    """The message of a fault in the words of jsonata.js.

    It shows values as JSON, and those in triple braces as text.
    """
    template = str(JException.error_codes.get(fault.error, fault.error)).replace("Object", "function")
    values = iter([getattr(fault, name) for name in _SHOWN_MEMBERS.get(fault.error, ("current", "expected", "extra"))])

    def filled(place: re.Match[str]) -> str:
        value = next(values, None)
        return str(value)[:4096] if place[0].startswith("{{{") else shown(value)

    return re.sub(r"\{\{(?:\{\w+\}|\w+)\}\}", filled, template)


_SHOWN_MEMBERS: Mapping[str, tuple[str, ...]] = {"D1002": ("expected",), "D3100": ("location",)}
"""By code: the members of the library's exception that hold the message's values, where they are not the usual ones."""
