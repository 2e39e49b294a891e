"""A frozen value as the parameters of a statement."""

from __future__ import annotations

from typing import Any


def values_of(row: Any) -> tuple[Any, ...]:
    """The fields of a dataclass in their order: ``dataclasses.astuple`` without its deep copies."""
    return tuple(vars(row).values())
