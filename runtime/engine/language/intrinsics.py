"""Calls of intrinsic functions, as payload templates hold them: ``States.Format('{}/{}', $$.Execution.Id, 'a')``.

The functions themselves are in ``intrinsic_functions``. Sources: the Amazon States Language specification, appendix
"Intrinsic Functions"; AWS's developer guide, "Intrinsic functions for JSONPath states".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stepwell.runtime.engine.language.budget import Budget
from stepwell.runtime.engine.language.intrinsic_functions import FUNCTIONS, IntrinsicFault
from stepwell.runtime.engine.language.paths import Path, PathSyntax, scan
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.dice import Dice
from stepwell.runtime.engine.values.jsontext import Json

__all__ = ["FUNCTIONS", "IntrinsicCall", "IntrinsicFault", "IntrinsicSyntax", "LiteralArgument", "parse_call"]


MOST_CALLS = 10
"""How many calls one expression may have, nested ones included: AWS's own limit."""

_KNOWN = "States." + ", ".join(name.removeprefix("States.") for name in sorted(FUNCTIONS))
_SPACE = re.compile(r"\s*+")
_NAME = re.compile(r"States\.[A-Za-z0-9]+")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*+)'", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"true|false|null")
_ESCAPED = re.compile(r"\\(['\\{}])")
_PROPER = re.compile(r"(?:[^\\]|\\['\\{}])*+", re.DOTALL)


class IntrinsicSyntax(ValueError):
    """The text is not a call of an intrinsic function."""


@dataclass(frozen=True)
class IntrinsicCall:
    """A compiled call; its arguments are literals, paths and calls."""

    name: str
    arguments: tuple[Any, ...]
    text: str = field(default="", compare=False, repr=False)
    """The text of the whole expression."""

    def value(
        self,
        document: Json,
        context: Mapping[str, Json],
        variables: Mapping[str, Json] | None = None,
        dice: Dice | None = None,
        budget: Budget | None = None,
    ) -> Json:
        """The value of the call. Raises IntrinsicFault, in AWS's words, PathMissing and BudgetExceeded."""
        function = FUNCTIONS[self.name]
        values = [_evaluate(one, document, context, variables, dice, budget) for one in self.arguments]
        if budget is not None and (cost := function.cost(values)):
            budget.element(cost)
        try:
            result = function.apply(*_given(dice), *values) if function.draws else function.apply(*values)
        except IntrinsicFault as fault:
            raise IntrinsicFault(str(fault) or f"Invalid arguments in {self.name}") from None
        if budget is not None and isinstance(result, list):
            budget.element(len(result))
        return result


@dataclass(frozen=True)
class LiteralArgument:
    value: Json


def parse_call(text: str) -> IntrinsicCall:
    """The call of a text. Raises IntrinsicSyntax."""
    reader = _Reader(text)
    call = reader.call()
    if reader.at < len(text):
        raise reader.fault(f"what is {reader.rest!r} after the call?")
    return replace(call, text=text)


class _Reader:
    """Reads a text once, from left to right. ``at`` is the index of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.calls = 0
        self.take(_SPACE)

    @property
    def rest(self) -> str:
        """The next 40 characters, for messages."""
        return self.text[self.at : self.at + 40]

    def fault(self, message: str) -> IntrinsicSyntax:
        return IntrinsicSyntax(f"{self.text[:80]!r}: {message}")

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read the next token and the white space behind it; None when the token is another one."""
        match = pattern.match(self.text, self.at)
        if match is not None:
            self._move(match.end())
        return match

    def takes(self, character: str) -> bool:
        """Read the next character and the white space behind it. False when it is another one."""
        found = self.text.startswith(character, self.at)
        if found:
            self._move(self.at + 1)
        return found

    def call(self) -> IntrinsicCall:
        begin = self.at
        match = self.take(_NAME)
        if match is None or match.group() not in FUNCTIONS:
            word = self.text[begin:].split("(", 1)[0][:40]
            raise self.fault(f"there is no intrinsic function {word!r}. Known: {_KNOWN}")
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise self.fault(f"an expression has no more than {MOST_CALLS} calls")
        if not self.takes("("):
            raise self.fault("'(' is missing")
        arguments = self.arguments(is_template=match.group() == "States.Format")
        self._check_count(match.group(), len(arguments))
        return IntrinsicCall(match.group(), arguments)

    def arguments(self, *, is_template: bool) -> tuple[Any, ...]:
        """The arguments up to the closing parenthesis. States.Format reads the escapes of its template itself."""
        found: list[Any] = []
        if self.takes(")"):
            return ()
        while True:
            found.append(self.argument(keep_escapes=is_template and not found))
            if self.takes(")"):
                return tuple(found)
            if not self.takes(","):
                raise self.fault("',' is missing" if self.rest else "')' is missing")

    def argument(self, *, keep_escapes: bool) -> Any:
        if self.text.startswith("States.", self.at):
            return self.call()
        if self.text.startswith("$", self.at):
            return self._path()
        if match := self.take(_TEXT):
            return LiteralArgument(self._unescaped(match.group(1), keep_escapes))
        if match := self.take(_NUMBER) or self.take(_WORD):
            return LiteralArgument(self._read(match.group()))
        raise self.fault(f"what is {self.rest!r}?")

    def _unescaped(self, text: str, keep_escapes: bool) -> str:
        if not _PROPER.fullmatch(text):
            raise self.fault("a backslash must stand before one of ' { } and another backslash")
        return text if keep_escapes else _ESCAPED.sub(r"\1", text)

    def _path(self) -> Path:
        try:
            path, end = scan(self.text, self.at)
        except PathSyntax as fault:
            raise self.fault(str(fault)) from None
        self._move(end)
        return path

    def _read(self, text: str) -> Json:
        try:
            return jsontext.read(text)
        except jsontext.NotJson as fault:
            raise self.fault(str(fault)) from None

    def _check_count(self, name: str, count: int) -> None:
        least, most = FUNCTIONS[name].least, FUNCTIONS[name].most
        if count < least or (most is not None and count > most):
            wanted = f"{least}" if most == least else f"{least} or more"
            raise self.fault(f"{name} takes {wanted} arguments, not {count}")

    def _move(self, to: int) -> None:
        match = _SPACE.match(self.text, to)
        self.at = match.end() if match else to


def _evaluate(
    argument: Any,
    document: Json,
    context: Mapping[str, Json],
    variables: Mapping[str, Json] | None,
    dice: Dice | None,
    budget: Budget | None,
) -> Json:
    if isinstance(argument, LiteralArgument):
        return argument.value
    if isinstance(argument, Path):
        return argument.get(document, context, variables, budget)
    return argument.value(document, context, variables, dice, budget)


def _given(dice: Dice | None) -> tuple[Dice]:
    if dice is None:
        raise IntrinsicFault("there are no dice to draw from here")
    return (dice,)
