"""SQLite has one writer at a time: many threads wait their turn, all get it, and none sees "database is locked"."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from stepwell.db.database import database
from stepwell.db.models import Execution
from stepwell.runtime.moves.start import Wanted
from tests.crash.acts import go_on
from tests.runtime.stage import Stage, at_once, staged, steps

THREADS = 16
EXECUTIONS = 1600


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Stage]:
    with staged(f"sqlite:///{tmp_path / 'stepwell.db'}", tmp_path) as stage:
        yield stage


def test_sixteen_threads_write_and_none_starves(laptop: Stage):
    """They share EXECUTIONS executions, and no thread does more than twice the work of another."""
    laptop.workflows.create("w", steps("step1", "step2"))
    latest = laptop.workflows.latest("w")
    numbers = count()

    def work() -> int:
        done = 0
        while next(numbers) < EXECUTIONS:
            identity = laptop.executions.start(latest, Wanted({})).id
            laptop.work.run(laptop.task(identity).id)
            laptop.tasks.sweep()
            laptop.work.heartbeat()
            done += 1
        return done

    served = at_once(*[work] * THREADS)
    assert sum(served) == EXECUTIONS
    assert max(served) <= 2 * min(served), served
    go_on(laptop)
    with database.connection_context():
        assert Execution.select().where(Execution.status == "COMPLETED").count() == EXECUTIONS
