"""The column ``execution.parent``: decoding inverts encoding, and SQL splits it at the same positions."""

from __future__ import annotations

import pytest
from peewee import Database

from stepwell.db import parents
from stepwell.db.database import database
from stepwell.db.parents import Parent
from stepwell.runtime.ids import new_id

RUN = "01a20f0b-5272-7ed8-bdeb-28e8bb300000"
PARENTS = {
    None: Parent(),
    f"{RUN}.2.c0ffee": Parent(token=f"{RUN}.2.c0ffee"),
    f"run:{RUN}:0": Parent(run=RUN),
    f"run:{RUN}:31": Parent(run=RUN, place=31),
}


@pytest.mark.parametrize("text", PARENTS)
def test_what_is_written_is_read_again(text: str | None) -> None:
    assert Parent.decode(text) == PARENTS[text]
    assert PARENTS[text].encode() == text


@pytest.mark.parametrize("place", [0, 7, 123_456])
def test_sql_finds_the_run_and_the_place(bound: Database, place: int) -> None:
    run = new_id()
    sql = f"SELECT {parents.RUN}, {parents.PLACE} FROM (SELECT CAST({bound.param} AS VARCHAR(99)) AS parent) one"
    with database.connection_context():
        found = database.execute_sql(sql, (Parent(run=run, place=place).encode(),)).fetchone()
    assert tuple(found) == (parents.text_of(run), place)
