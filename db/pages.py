"""Keyset pagination: an index finds the rows of a page, whichever page it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import Tuple

from stepwell.db.database import is_sqlite

FIRST_ID, LAST_ID = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"


def newest(query: Any, fixed: Sequence[tuple[Any, Any]], key: Any, cursor: str | None) -> Any:
    """The rows with these values in these columns, newest first, from behind the cursor on.

    On PostgreSQL the condition is a span of the index of these columns and the key, since no other index has this
    order. With plain equations the planner may instead walk through all rows by the key, believing that those which
    fit are spread evenly.
    """
    # A cursor and not an OFFSET: the hundredth page would read the rows of all pages before it.
    columns = [column for column, _ in fixed]
    # The partial index of these columns has the same condition.
    known = [one.is_null(False) for one in columns if getattr(one, "null", False)]
    if is_sqlite():
        same = (column == value for column, value in fixed)
        return query.where(*same, *known, key < (cursor or LAST_ID)).order_by(key.desc())
    # A row comparison, whose two bounds are one span of the index.
    place, values = Tuple(*columns, key), [value for _, value in fixed]
    span = place >= Tuple(*values, FIRST_ID), place < Tuple(*values, cursor or LAST_ID)
    return query.where(*span, *known).order_by(*(one.desc() for one in (*columns, key)))
