"""What the expressions of one state see: ``$``, ``$$``, the variables, the time and the chance of the event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

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

    def with_context(self, members: Mapping[str, Json]) -> Scope:
        """The same with more in the context object."""
        return replace(self, context={**self.context, **members})
