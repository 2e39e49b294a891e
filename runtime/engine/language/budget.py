"""The budget of one move: what the expressions of all its states may take together.

All work is counted, so a move ends the same way on every machine. Only the caller's alarm goes by time, and a move that
it ends is no decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import LIMITS, EngineLimits

Alarm = Callable[[], bool]
"""Returns True once the move has taken too long. It must answer at once: it is asked again and again."""

RESERVE = 10
"""Which part of the budget what catches the error gets once more: a tenth."""
_ENOUGH = 1 << 20
_SIZED = (str, list, dict)
_STRIDE = 500
"""How often the alarm is asked while the whole budget is spent."""


class MoveTookTooLong(Exception):
    """The caller's alarm went off during a move. The move is no decision, and nothing of it may be stored."""


class BudgetExceeded(Exception):
    """The expressions of a move take more than a move may; the message is the bound that they exceed.

    The first one of a move is a fault of its state, which may be caught. ``is_final`` is true for the second one: what
    caught the first one has exceeded the reserve, too.
    """

    def __init__(self, message: str, is_final: bool) -> None:
        self.is_final = is_final
        super().__init__(message)


class TooLarge(Exception):
    """A template makes more than a payload may hold."""


class Rendering:
    """One rendering of a template, which ends as soon as its value is surely larger than a payload may be.

    A template may select the same large part many times.
    """

    __slots__ = ("_left",)

    def __init__(self, payload: int) -> None:
        self._left = payload

    def take(self, part: Json) -> Json:
        """The part, which a template takes into its value. Raises TooLarge.

        Counted are the characters that its JSON text has at least: the values inside it are not looked at.
        """
        if isinstance(part, _SIZED):
            self._left -= len(part) if isinstance(part, str) else 2 * len(part)
            if self._left < 0:
                raise TooLarge
        return part


def characters(text: str) -> int:
    """The elements that the characters of a text are."""
    return len(text) >> (6 if text.isascii() else 4)


def whole(value: Json) -> int:
    """The elements that a value is with all that is inside it. A part that occurs twice counts twice."""
    waiting, count = [value], 0
    while waiting and count <= _ENOUGH:
        one = waiting.pop()
        count += 1
        if isinstance(one, str):
            count += characters(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return count


def parsed(text: str) -> int:
    """The elements that the value of a JSON text can have at most: each takes one of these characters, or is the last.

    A member of an object counts as two.
    """
    return 1 + sum(text.count(one) for one in ",:[{")


class Budget:
    """What a move may still take. One move has one, and every expression of the move is charged to it.

    A step is a node of a JSONata expression that is evaluated, or as much work. An element is a value that an
    expression looks at or makes: an item, a member, 64 characters of a text.
    """

    _is_exceeded = False

    def __init__(self, limits: EngineLimits = LIMITS, alarm: Alarm | None = None) -> None:
        self._alarm = alarm
        self._limits = limits
        self._steps = self._steps_mark = limits.expression_steps
        self._elements = self._elements_mark = limits.expression_elements
        self._is_exceeded = False

    @property
    def spent(self) -> float:
        """The share that is spent, from 0 to 1, of what is nearest to its bound."""
        steps, elements = self._limits.expression_steps, self._limits.expression_elements
        return 1 - min(self._steps / steps, self._elements / elements)

    def rendering(self) -> Rendering:
        """The rendering of a template that begins now."""
        return Rendering(self._limits.payload)

    def ask_alarm(self) -> None:
        """Raises MoveTookTooLong if the caller's alarm has gone off."""
        if self._alarm is not None and self._alarm():
            raise MoveTookTooLong("The move took too long; it will be decided again.")

    def step(self, count: int = 1) -> None:
        """Charge steps. Raises BudgetExceeded, MoveTookTooLong."""
        self._steps -= count
        if self._steps < self._steps_mark:
            self.ask_alarm()
            if self._steps < 0:
                self._exceed(f"{self._limits.expression_steps} JSONata steps")
            self._steps_mark = max(self._steps - self._limits.expression_steps // _STRIDE, 0)

    def element(self, count: int = 1) -> None:
        """Charge elements. Raises BudgetExceeded, MoveTookTooLong."""
        self._elements -= count
        if self._elements < self._elements_mark:
            self.ask_alarm()
            if self._elements < 0:
                self._exceed(f"{self._limits.expression_elements} elements")
            self._elements_mark = max(self._elements - self._limits.expression_elements // _STRIDE, 0)

    def _exceed(self, what: str) -> NoReturn:
        is_final, self._is_exceeded = self._is_exceeded, True
        self._steps = self._limits.expression_steps // RESERVE
        self._elements = self._limits.expression_elements // RESERVE
        self._steps_mark = self._elements_mark = 0
        again = ", and what caught this a tenth more" if is_final else ""
        raise BudgetExceeded(f"The expressions of one move may take {what} at most{again}.", is_final)
