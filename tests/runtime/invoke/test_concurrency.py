"""Reserved concurrency counts all live processes, and no dead one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from peewee import OperationalError

from stepwell.db.database import connect, database
from stepwell.db.function_models import RunningInvocation
from stepwell.db.migrate import migrate
from stepwell.functions.contract.function_names import FunctionReference
from stepwell.runtime.invoke import concurrency
from stepwell.runtime.invoke.concurrency import ReservedConcurrency, SlotsUnknown
from stepwell.runtime.lambdas import store
from stepwell.runtime.settings import ROOT
from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres
from tests.runtime.stage import at_once
from tests.services import until
from tests.wire.packages import package

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres"]

FOREVER = 600.0
HOLDS = """
import sys
from stepwell.db.database import connect
from stepwell.runtime.invoke.concurrency import ReservedConcurrency

connect(sys.argv[1])
with ReservedConcurrency(600.0, 600.0).slot("mine", 1) as is_free:
    print(is_free, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url(empty_url: str) -> Iterator[str]:
    """A database with the functions ``mine``, limited to two invocations, and ``free``."""
    connect(empty_url)
    migrate()
    for name, reserved in (("mine", 2), ("free", None)):
        store.create(name, {}, store.Package(package("return 1")), {})
        store.reserve(FunctionReference(name), reserved)
    yield empty_url
    database.close_all()


def rows() -> list[RunningInvocation]:
    with database.connection_context():
        return list(RunningInvocation.select())


def is_free(of: ReservedConcurrency, name: str = "mine", reserved: int | None = 2) -> bool:
    with of.slot(name, reserved) as found:
        return found


def test_a_reservation_is_all_processes_together(url: str) -> None:
    one, other = ReservedConcurrency(FOREVER, FOREVER), ReservedConcurrency(FOREVER, FOREVER)
    with closing(one), closing(other), one.slot("mine", 2) as first:
        with other.slot("mine", 2) as second:
            assert first and second
            assert not is_free(one) and not is_free(other)
        assert is_free(one)
    assert rows() == []


def test_of_many_at_once_as_many_as_are_reserved_find_a_slot(url: str) -> None:
    made = [ReservedConcurrency(FOREVER, FOREVER) for _ in range(8)]
    with ExitStack() as held:
        for one in made:
            held.callback(one.close)
        found = at_once(*(lambda one=one: held.enter_context(one.slot("mine", 2)) for one in made))
        assert sorted(found) == [False] * 6 + [True] * 2
        assert len(rows()) == 2
    assert rows() == []


def test_who_reserves_nothing_is_not_counted_and_who_has_nothing_never_runs(url: str) -> None:
    with closing(ReservedConcurrency(FOREVER, FOREVER)) as mine, mine.slot("free", None) as found:
        assert found and rows() == []
        assert not is_free(mine, "mine", 0)


def test_what_is_reserved_now_counts(url: str) -> None:
    with closing(ReservedConcurrency(FOREVER, FOREVER)) as mine, mine.slot("mine", 2):
        store.reserve(FunctionReference("mine"), 1)
        assert not is_free(mine, "mine", 2)
        store.reserve(FunctionReference("mine"), None)
        assert is_free(mine, "mine", 2)


def test_a_slot_of_a_process_that_was_killed_is_free_after_its_lease(url: str) -> None:
    store.reserve(FunctionReference("mine"), 1)
    command = [sys.executable, "-c", HOLDS, url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "True\n"
        other.send_signal(signal.SIGKILL)
        other.wait()
    with closing(ReservedConcurrency(FOREVER, FOREVER)) as mine:
        assert not is_free(mine)
        with database.connection_context():
            RunningInvocation.update(lease_until=1).execute()
        assert is_free(mine)


def test_a_slot_is_asked_for_longer_as_long_as_it_is_held(url: str) -> None:
    with closing(ReservedConcurrency(FOREVER, 0.01)) as mine:
        with mine.slot("mine", 2):
            (first,) = rows()
            until(lambda: rows()[0].lease_until > first.lease_until, "the lease grows")
        until(lambda: not mine._renewing, "nobody renews what nobody holds")
        with mine.slot("mine", 2):
            (second,) = rows()
            until(lambda: rows()[0].lease_until > second.lease_until, "the lease grows again")


def test_a_slot_that_cannot_be_given_back_is_left_to_its_lease(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> None:
        raise OperationalError("connection refused")

    with closing(ReservedConcurrency(FOREVER, FOREVER)) as mine:
        with monkeypatch.context() as patch, mine.slot("mine", 2) as found:
            assert found
            patch.setattr(concurrency, "transaction", unreachable)
        assert mine._held == set() and len(rows()) == 1


def test_while_the_database_is_unreachable_nobody_can_tell(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> bool:
        raise OperationalError("connection refused")

    monkeypatch.setattr(concurrency, "_take", unreachable)
    with closing(ReservedConcurrency(FOREVER, FOREVER)) as mine, pytest.raises(SlotsUnknown):
        is_free(mine)
