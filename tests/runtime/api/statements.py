"""Pages of a listing, and the SQL statements behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stepwell.db.database import database, is_sqlite
from stepwell.functions.contract import Page


def pages(listing: Any, **given: Any) -> list[Page[Any]]:
    """Every page of a listing, read with its cursors."""
    found = [listing(cursor=None, **given)]
    while found[-1].next is not None:
        found.append(listing(cursor=found[-1].next, **given))
    return found


def statements_of(act: Callable[[], Any]) -> list[tuple[str, Any]]:
    """Runs ``act``; returns the SQL statements and parameters that it sends to the database."""
    sent: list[tuple[str, Any]] = []
    execute = database.obj.execute_sql

    def record(sql: str, params: Any = None, *args: Any) -> Any:
        sent.append((sql, params))
        return execute(sql, params, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database.obj, "execute_sql", record)
        act()
    return sent


def plan_of(act: Callable[[], Any]) -> str:
    """The query plan of the last statement of ``act``. PostgreSQL plans it without sequential scans."""
    sql, given = statements_of(act)[-1]
    with database.connection_context():
        if not is_sqlite():  # on small tables PostgreSQL would scan, with or without an index
            database.execute_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if is_sqlite() else "EXPLAIN"
        plan = database.execute_sql(f"{explain} {sql}", given).fetchall()
        if not is_sqlite():
            database.execute_sql("RESET enable_seqscan")
    return " ".join(str(row) for row in plan)
