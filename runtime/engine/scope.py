"""What the expressions of one state see: ``$``, ``$$``, the variables, the time and the chance of the event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from runtime.engine import jsonata
from runtime.engine.chance import Chance

Json = Any


@dataclass(frozen=True)
class Scope:
    """``document`` is JSONPath's ``$``; ``states`` is JSONata's ``$states``, without its context."""

    document: Json
    context: Mapping[str, Json]
    variables: Mapping[str, Json]
    at: int
    chance: Chance
    states: Mapping[str, Json] = field(default_factory=dict)

    @cached_property
    def bindings(self) -> jsonata.Scope:
        """The same for expressions in JSONata."""
        return jsonata.Scope({**self.states, "context": self.context}, self.variables)

    def with_context(self, members: Mapping[str, Json]) -> Scope:
        """The same with more in the context object."""
        return replace(self, context={**self.context, **members})
