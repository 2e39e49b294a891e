"""Scopes for tests that evaluate expressions without a transition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell.runtime.engine.language.budget import Budget
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.values.dice import Dice


def scope(document: Any, context: Mapping[str, Any] | None = None, **variables: Any) -> Scope:
    return Scope(document, lambda: context or {}, variables, at=0, dice=Dice(0), budget=Budget())
