"""Waiting helps while the database is unreachable, and not against our own faults."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from peewee import IntegrityError, InterfaceError, OperationalError, ProgrammingError
from playhouse.pool import MaxConnectionsExceeded

from stepwell.db.database import database
from stepwell.runtime import outage
from stepwell.runtime.outage import concerns_one_row, is_outage, one_by_one, retry_in_outage
from tests.runtime.stage import Stage


@pytest.mark.parametrize(
    ("fault", "helps"),
    [
        (OperationalError("database is locked"), True),
        (OperationalError("unable to open database file"), True),
        (OperationalError("no such table: task"), True),
        (OperationalError('near "SELEC": syntax error'), False),
        (OperationalError("no such column: tsak.id"), False),
        (InterfaceError("connection already closed"), True),
        (MaxConnectionsExceeded(), True),
        (IntegrityError("UNIQUE constraint failed"), False),
        (ProgrammingError("anything"), False),
        (ValueError("anything"), False),
    ],
)
def test_waiting_helps_when_the_database_is_unreachable_and_not_when_we_are_wrong(fault: Exception, helps: bool):
    assert is_outage(fault) is helps


def test_a_wrong_statement_is_not_taken_for_an_absence(stage: Stage, monkeypatch):
    monkeypatch.setattr(outage, "PATIENCE", (0, 0))
    statements: list[str] = []

    def act(sql: str) -> Callable[[], object]:
        def run() -> object:
            statements.append(sql)
            with database.connection_context():
                return database.execute_sql(sql)

        return run

    with pytest.raises((OperationalError, ProgrammingError)):
        retry_in_outage(act("SELECT nothing FROM task"))
    assert len(statements) == 1


@pytest.mark.parametrize(
    ("code", "of_one_row", "helps"),
    [
        ("55P03", True, True),  # a lock that could not be had
        ("40P01", True, True),  # a deadlock
        ("40001", True, True),
        ("57014", True, True),  # a statement that took too long
        ("57P01", False, True),  # the server ends
        ("53300", False, True),
        ("08006", False, True),
        ("22003", False, False),
        (None, False, True),
    ],
)
def test_a_busy_row_is_no_outage_for_the_others(code: str | None, of_one_row: bool, helps: bool):
    class Cause(Exception):
        pgcode = code

    fault = OperationalError("no")
    fault.__cause__ = Cause()
    assert (concerns_one_row(fault), is_outage(fault)) == (of_one_row, helps)

    def fail() -> None:
        raise fault

    called: list[int] = []
    if helps and not of_one_row:
        with pytest.raises(OperationalError):
            one_by_one("them", [fail, lambda: called.append(1)])
    else:
        assert not one_by_one("them", [fail, lambda: called.append(1)])
    assert bool(called) == (of_one_row or not helps)
