"""Values as statements take and give them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

CLAIMED = (
    "t.id, t.execution_id, t.number, t.frame, t.entry, t.step, t.function, t.attempt, t.owner, t.retries, "
    "t.losses, t.timeout_seconds, t.token, t.input, e.name, e.workflow, e.version_id, e.revision, e.history_count, "
    "e.input, e.created_at, e.parent, e.redrives, e.redriven_at, e.state, e.entry, e.entered_at, e.waiting, "
    "e.retries, e.open, e.data, e.begun, e.children, e.variables"
)
"""The columns of a claim, of a task ``t`` and its execution ``e``, in the order of ``queries.Claimed``."""


UNOWNED = ("owner", "lease_until")
"""The columns of a task that are null once no worker holds it."""
FREED = (*UNOWNED, "deadline_at", "beat_by")
"""The columns of a task that are null once nobody is expected to do it: neither a worker nor the holder of a token."""

OFTEN_LOST = 2
"""A task that was lost so often may be what kills its workers: it runs beside no other such task."""


def values_of(row: Any) -> tuple[Any, ...]:
    """The fields of a dataclass in their order: ``dataclasses.astuple`` without its deep copies."""
    return tuple(vars(row).values())


def nulls(columns: Iterable[str]) -> str:
    """The assignments of an UPDATE that empty these columns."""
    return ", ".join(f"{column} = NULL" for column in columns)
