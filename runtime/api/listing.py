"""Pages of rows, newest first, and counts that stay cheap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peewee import SQL

from stepwell.functions.contract import Page, page_of
from stepwell.functions.errors import InvalidCursor
from stepwell.runtime.ids import is_id

COUNTED = 10_000
"""The highest count that is given: ended rows may be any number, and counting reads each of them."""


def newest_first(
    query: Any, key: Any, limit: int, cursor: str | None, view: Callable[[Any], Any], order: Any = None
) -> Page[Any]:
    """One page of a query, by a key that grows. Raises InvalidCursor.

    The cursor is the last key of the page before. ``order`` is an expression that sorts as the key does.
    """
    order = key if order is None else order
    if cursor is not None:
        query = query.where(order < cursor_value(key, cursor))
    rows = list(query.order_by(order.desc()).limit(limit + 1))
    return page_of(rows, limit, lambda row: getattr(row, key.name), view)


def cursor_value(key: Any, cursor: str) -> Any:
    """The key in a cursor: an id, or a number. Raises InvalidCursor."""
    if key.name == "id" and is_id(cursor):
        return cursor
    if key.name != "id" and cursor.isascii() and cursor.isdigit() and len(cursor) < 10:
        return int(cursor)
    raise InvalidCursor()


def counted(model: Any, where: Any) -> int:
    """The number of rows that meet a condition, at most COUNTED."""
    return int(model.select(SQL("1")).where(where).limit(COUNTED).count())
