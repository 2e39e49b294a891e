"""How long what has ended is kept, and the thread that deletes it."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from peewee import Database
from playhouse.migrations import Runner

from stepwell.db.database import database
from stepwell.db.migrate import DIRECTORY, migrate
from stepwell.db.models import Execution, Retention
from stepwell.runtime.retention.sweep import RetentionSweep, kept_days
from stepwell.runtime.settings import Settings, SettingsError, read_settings
from tests.db.conftest import bound  # noqa: F401  # a fixture
from tests.runtime.retention.aged import Aged
from tests.runtime.stage import steps
from tests.services import until

BEFORE = "0012_retention"


def sweep_of(aged: Aged, days: float | None) -> RetentionSweep:
    settings = Settings(home=aged.home, artifacts_dir=aged.home, outbox_dir=aged.home, retention_days=days)
    return RetentionSweep(settings, lambda: None)


def test_a_new_database_keeps_thirty_days(aged: Aged) -> None:
    assert kept_days(None) == 30


def test_a_database_from_before_keeps_all_until_it_is_told(bound: Database) -> None:  # noqa: F811
    migrate()
    with database.connection_context():
        Runner(bound, str(DIRECTORY)).down(BEFORE)
        database.execute_sql(A_WORKFLOW)
    migrate()
    assert kept_days(None) == inf
    assert kept_days(7) == 7
    with database.connection_context():
        Retention.update(days=60).execute()
    assert kept_days(None) == 60


A_WORKFLOW = """
INSERT INTO workflow (id, name, kind, latest, first, published, tags, created_at)
VALUES ('01911111-1111-7111-8111-111111111111', 'w', 'STANDARD', 1, 1, 0, '{}', 1)
"""


@pytest.mark.parametrize(("text", "days"), [("off", inf), ("OFF", inf), ("30", 30), ("0.5", 0.5)])
def test_the_setting(text: str, days: float) -> None:
    assert read_settings({"STEPWELL_RETENTION_DAYS": text}).retention_days == days


@pytest.mark.parametrize("text", ["0", "-1", "on", "nan", "inf", "1e9"])
def test_a_setting_that_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="STEPWELL_RETENTION_DAYS"):
        read_settings({"STEPWELL_RETENTION_DAYS": text})


@pytest.mark.parametrize(("days", "left"), [(None, 0), (1, 0), (inf, 1)])
def test_what_is_older_than_that_goes(aged: Aged, days: float | None, left: int) -> None:
    aged.old(steps("step1"))
    assert sweep_of(aged, days).run_once() == 1 - left
    with database.connection_context():
        assert Execution.select().count() == left


def test_what_is_not_as_old_stays(aged: Aged) -> None:
    aged.run(steps("step1"))
    assert sweep_of(aged, 1).run_once() == 0


def test_the_thread_deletes_and_ends_when_it_is_told(aged: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    pruned: list[bool] = []
    for _ in range(3):
        aged.old(steps("step1"))
    sweep = sweep_of(aged, 0.00001)
    monkeypatch.setattr(sweep, "_prune", lambda: pruned.append(True))
    sweep.start()
    until(lambda: not aged.left(), "all is deleted")
    until(lambda: bool(pruned), "unpacked code is pruned")
    sweep.stop()
    assert sweep._thread is not None and not sweep._thread.is_alive()


def test_it_ends_in_the_middle_of_its_work(aged: Aged) -> None:
    for _ in range(3):
        aged.old(steps("step1"))
    sweep = sweep_of(aged, 1)
    sweep.stop()
    assert sweep.run_once() == 0
    assert aged.left()["Execution"] == 3


def test_every_worker_has_the_thread(aged: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    for method in ("start", "stop"):
        monkeypatch.setattr(RetentionSweep, method, lambda self, method=method: begun.append(method))
    aged.stage.loops.start()
    aged.stage.loops.stop()
    assert begun == ["start", "stop"]
