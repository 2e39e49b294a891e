"""The hot statements list the fields of the row classes, and these fields are columns of the tables."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from peewee import Model

from stepwell.db import postgresql, statements, values
from stepwell.db.models import Execution, Frame, History, StartKey, Task, Timer

ROWS: list[tuple[type, type[Model], set[str]]] = [
    (values.NewExecution, Execution, set()),
    (values.Root, Execution, set()),
    (values.ClaimedExecution, Execution, {"execution_input"}),
    (values.ClaimedTask, Task, set()),
    (values.NewTask, Task, set()),
    (values.NewFrame, Frame, set()),
    (values.NewTimer, Timer, {"delay_ms"}),
    (values.DueTimer, Timer, set()),
    (values.HistoryLine, History, set()),
    (values.IdempotencyKey, StartKey, set()),
]


@dataclass(frozen=True)
class Row:
    id: str
    count: int


@pytest.mark.parametrize(("row", "table", "computed"), ROWS, ids=[row.__name__ for row, _, _ in ROWS])
def test_the_fields_of_a_row_are_columns_of_its_table(row: type, table: type[Model], computed: set[str]) -> None:
    assert set(statements.names(row)) - set(table._meta.fields) == computed


def test_every_column_of_an_execution_that_a_start_does_not_write_has_a_value_without_it() -> None:
    written = {*statements.names(values.NewExecution), *statements.names(values.Root)}
    fixed = {"paused", "revision", "history_count", "finished_at"}
    left = set(Execution._meta.fields) - written - fixed
    assert left == {"redrives", "redriven_at"}


def test_the_columns_and_the_values_of_a_row_come_in_one_order() -> None:
    assert statements.names(Row) == ("id", "count")
    assert statements.values_of(Row("a", 1)) == ("a", 1)
    assert statements.columns(Row) == "id, count"
    assert statements.parameters(Row) == ":id, :count"
    assert statements.selected(Row, "t", count="t.count + 1") == "t.id, t.count + 1"


def test_a_claim_has_the_columns_of_the_task_then_those_of_the_execution() -> None:
    parts = (*statements.names(values.ClaimedTask), *statements.names(values.ClaimedExecution))
    assert statements.names(values.Claimed) == (*parts, "root", "now")


def test_parameters_are_numbered_in_the_order_they_are_declared() -> None:
    sql = "SELECT :b::int, :a, split_part(:a, '::', 1)"
    assert statements.numbered(sql, ("a", "b"), "$") == "SELECT $2::int, $1, split_part($1, '::', 1)"
    assert statements.numbered(":b", ("a", "b"), "?") == "?2"


def test_a_parameter_that_is_not_declared_is_an_error() -> None:
    with pytest.raises(KeyError):
        statements.numbered("SELECT :c", ("a", "b"), "$")


def test_no_row_at_all_gives_an_empty_array_for_each_column() -> None:
    assert postgresql._columns([], values.NewTimer) == [[]] * 5
    timers = [values.NewTimer("", 1, 2, "wait", 3), values.NewTimer("a", 4, 5, "retry", 6)]
    assert postgresql._columns(timers, values.NewTimer) == [["", "a"], [1, 4], [2, 5], ["wait", "retry"], [3, 6]]
