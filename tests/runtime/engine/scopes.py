"""What expressions see, for tests that evaluate them without a transition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.engine.chance import Chance
from runtime.engine.scope import Scope


def scope(document: Any, context: Mapping[str, Any] | None = None, **variables: Any) -> Scope:
    return Scope(document, lambda: context or {}, variables, at=0, chance=Chance(0))
