"""One evaluation of a JSONata expression by jsonata-python: bounded, and answering as jsonata.js does.

The bounds are counts, not times, so the same expression over the same data ends the same way on every machine. Counted
are the depth of calls, the size of each value, and the move's budget: steps, of which large values cost more than one,
and elements.
"""

from __future__ import annotations

import copy
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from jsonata import JException, Jsonata, Signature, Utils  # type: ignore[import-untyped]

from stepwell.runtime.engine.language.budget import Budget
from stepwell.runtime.engine.language.jsonata.functions import DEEP, FUNCTIONS
from stepwell.runtime.engine.language.jsonata.regex import Regex
from stepwell.runtime.engine.language.jsonata.sequences import Sequences
from stepwell.runtime.engine.language.jsonata.values import (
    LARGEST,
    NULL,
    OutOfMemory,
    Refused,
    Unsupported,
    Value,
    check_length,
    elements_of,
    is_function,
    is_number,
    looked_at,
    marked,
    rounded,
    shown,
    string,
    weighing,
)
from stepwell.runtime.engine.values.jsontext import Json

DEEPEST = 100
_MEMBERS_PER_STEP = 64
_CHARACTERS_PER_STEP = 1024
_QUADRATIC_PER_STEP = 4096
_ELEMENTS_A_STEP = 16
"""How many elements the copy of a value is, for each step that looking at it costs."""
_MAKERS = frozenset({"unary", "function", "apply"})

_TOO_DEEP = "Stack overflow error: Check for non-terminating recursive function.  Consider rewriting as tail-recursive."


class Randomness(Protocol):
    """The randomness of an evaluation: the same dice give the same values."""

    def fraction(self) -> float:
        """A random number in [0, 1)."""

    def uuid(self) -> str:
        """A random UUID, version 4."""


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


class _Native(Jsonata.JNativeFunction):  # type: ignore[misc]
    """A function of the library, whose calls are charged. Other functions call it without a node of an expression."""

    def call(self, context: Value, arguments: list[Value]) -> Value:
        budget, is_deep, steps = Jsonata.CURRENT.jsonata.budget, self.function_name in DEEP, 1
        for one in arguments:
            if isinstance(one, str):
                steps += len(one) // _CHARACTERS_PER_STEP
            elif isinstance(one, list | dict):
                steps += looked_at(one) if is_deep else len(one) // _MEMBERS_PER_STEP
        budget.step(steps)
        result = self.result(context, arguments)
        budget.element(elements_of(result))
        return result

    def result(self, context: Value, arguments: list[Value]) -> Value:
        return super().call(context, arguments)


class _Function(_Native):
    """One of our functions. Unlike the library's, it keeps whole numbers exact."""

    def result(self, context: Value, arguments: list[Value]) -> Value:
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
        root.bindings[name].__class__ = _Function if name in ours else _Native
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


class Evaluation(Sequences):
    """The library's interpreter, with our bounds and repairs. One evaluation of one expression has one.

    The library finds it in a thread-local variable. ``at`` is in milliseconds since the epoch.
    """

    def __init__(self, tree: Any, at: int, dice: Randomness, budget: Budget) -> None:
        self.tree = tree
        self.parser = tree._outer_instance
        self.input = None
        self.environment = None
        self.timestamp = at
        self.dice = dice
        self.depth = 0
        self.budget = budget

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
        self.budget.step()
        result = super()._eval(tree, context, frame)
        self.depth -= 1
        if isinstance(result, list | dict | str):
            self._weigh(tree, result)
        return result

    def _weigh(self, tree: Any, result: Value) -> None:
        """Count the steps for the size of a value. Raises OutOfMemory where a value that is too large was made."""
        if isinstance(result, str):
            check_length(len(result))
            self.budget.step(len(result) // _CHARACTERS_PER_STEP)
            return
        self.budget.step(len(result) // _MEMBERS_PER_STEP)
        if _is_made(tree, result):
            self.budget.step(weighing(result))

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
        self.budget.step(looked_at(left) + looked_at(right))
        text = "".join(string(side, None) or "" for side in (left, right))
        self.budget.element(elements_of(text))
        return text

    def evaluate_range_expression(self, left: Value, right: Value) -> Value:
        if is_number(left) and is_number(right) and LARGEST <= right - left < 1e7:
            raise OutOfMemory
        return super().evaluate_range_expression(left, right)

    def evaluate_group_expression(self, tree: Any, context: Value, frame: VariableFrame) -> Value:
        if isinstance(context, list):  # the library copies a group each time it grows
            self.budget.step(len(context) ** 2 // _QUADRATIC_PER_STEP)
        made = super().evaluate_group_expression(tree, context, frame)
        self.budget.element(elements_of(made))
        return made

    def evaluate_transform_expression(self, tree: Any, context: Value, frame: VariableFrame) -> Value:
        return Jsonata.JFunction(_Transformer(self, tree, frame), "<(oa):o>")


class _Transformer(Jsonata.Transformer):  # type: ignore[misc]
    def call(self, context: Value, arguments: list[Value]) -> Value:
        budget = Jsonata.CURRENT.jsonata.budget
        budget.step(looked_at(arguments[0]))
        budget.element(_ELEMENTS_A_STEP * looked_at(arguments[0]))
        # It works on a copy made by way of a JSON text.
        return marked(super().call(context, arguments), budget.element)


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


def plain(value: Value, charge: Callable[[int], None]) -> Json:
    """The JSON of a value. Infinities and NaN become strings, as on AWS. Raises Unsupported for a function.

    ``charge`` is called with elements, before they are made.
    """
    if value is NULL or value is None:
        return None
    if isinstance(value, str):
        return _fit(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return rounded(value) if math.isfinite(value) else _NOT_FINITE[str(float(value))]
    if isinstance(value, dict):
        charge(elements_of(value))
        return {_fit(name): plain(one, charge) for name, one in value.items()}
    if isinstance(value, list):
        charge(1 + (len(value) >> 3))
        return [plain(one, charge) for one in value]
    raise Unsupported


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
