"""What the expressions of one state see: ``$``, ``$$``, the variables, the time and the dice of the event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from stepwell.runtime.engine.language.jsonata import expressions
from stepwell.runtime.engine.language.paths import Path
from stepwell.runtime.engine.values.dice import Dice

Json = Any


@dataclass(frozen=True)
class Scope:
    """``document`` is JSONPath's ``$``; ``states`` is JSONata's ``$states``, without its context.

    ``make_context`` makes the context object, for those few that look at it.
    """

    document: Json
    make_context: Callable[[], Mapping[str, Json]]
    variables: Mapping[str, Json]
    at: int
    dice: Dice
    states: Mapping[str, Json] = field(default_factory=dict)

    @cached_property
    def context(self) -> Mapping[str, Json]:
        """The context object, ``$$``."""
        return self.make_context()

    def at_path(self, path: Path) -> Json:
        """The value at a path, or the list of those that it selects. Raises PathMissing."""
        return path.get(self.document, self.context if path.of_context else None, self.variables)

    @cached_property
    def bindings(self) -> expressions.Scope:
        """The same for expressions in JSONata."""
        return expressions.Scope({**self.states, "context": self.context}, self.variables)

    def with_context(self, members: Mapping[str, Json]) -> Scope:
        """The same with more in the context object."""
        return replace(self, make_context=lambda: {**self.context, **members})
