"""How a listing is cut into pages: one row more than is shown is asked for, and tells whether another page follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functions.contract import Page


def page(
    rows: Sequence[Any], limit: int, key: Callable[[Any], Any], view: Callable[[Any], Any] | None = None
) -> Page[Any]:
    """The first ``limit`` of the rows; where there is one more, the cursor is the key of the last that is shown."""
    shown = rows[:limit]
    following = str(key(shown[-1])) if len(rows) > limit else None
    return Page(list(shown) if view is None else [view(row) for row in shown], following)
