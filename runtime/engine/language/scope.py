"""The scope of a state's expressions: ``$``, ``$$``, the variables, and the event's time and dice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from stepwell.runtime.engine.language.budget import Budget
from stepwell.runtime.engine.language.context_object import ContextObject
from stepwell.runtime.engine.language.jsonata import expressions
from stepwell.runtime.engine.language.paths import Path
from stepwell.runtime.engine.values.dice import Dice
from stepwell.runtime.engine.values.jsontext import Json


@dataclass(frozen=True)
class Scope:
    """``document`` is JSONPath's ``$``; ``states`` is JSONata's ``$states``, without its context. ``at`` is in
    milliseconds. All that the expressions take is charged to ``budget``.

    ``make_context`` makes the context object. Few expressions use it, so it is made on first use.
    """

    document: Json
    make_context: Callable[[], Mapping[str, Json]]
    variables: Mapping[str, Json]
    at: int
    dice: Dice
    budget: Budget
    states: Mapping[str, Json] = field(default_factory=dict)

    @cached_property
    def context(self) -> Mapping[str, Json]:
        """The context object, ``$$``."""
        return self.make_context()

    def at_path(self, path: Path) -> Json:
        """The value at a path, or the list of selected values. Raises PathMissing, BudgetExceeded."""
        return path.get(self.document, self.context if path.of_context else None, self.variables, self.budget)

    @cached_property
    def bindings(self) -> expressions.ExpressionScope:
        """The scope for expressions in JSONata."""
        return expressions.ExpressionScope(self.states, self.variables, self.budget, self._for_jsonata)

    def with_context(self, members: Mapping[str, Json]) -> Scope:
        """The scope with more members in the context object."""
        return replace(self, make_context=lambda: self._context_with(members))

    def _context_with(self, members: Mapping[str, Json]) -> Mapping[str, Json]:
        own = self.context
        return own.with_members(members) if isinstance(own, ContextObject) else {**own, **members}

    def _for_jsonata(self) -> Mapping[str, Json]:
        return self.context.for_jsonata() if isinstance(self.context, ContextObject) else self.context
