"""Health as an API handler sees it, on both databases."""

from __future__ import annotations

import pytest

from stepwell.db.database import connect, database
from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.errors import (
    Unavailable,
)
from stepwell.runtime.api.health import HealthApi
from tests.runtime.stage import Stage, steps


def test_ready_means_that_the_tables_are_there(database_url: str):
    connect(database_url)
    with pytest.raises(Unavailable, match=r"db\.migrate"):
        HealthApi(lambda: 0, dict).ready()
    database.close_all()


def test_without_its_queue_the_server_is_ready_and_says_so(stage: Stage):
    assert HealthApi(lambda: 3, dict).ready() == {"database": "ok", "queue": "ok"}
    assert HealthApi(lambda: None, dict).ready() == {"database": "ok", "queue": "away"}


def test_what_went_wrong_and_was_made_up_for_is_told(stage: Stage, api: ApiContext):
    assert api.health.ready() == {"database": "ok", "queue": "ok", "lostRings": 0, "fencedResults": 0}
    claim = stage.claim(stage.start(steps("step1")))
    stage.executions.cancel(claim.execution_id)
    stage.executions.fail(claim, "E", None, "")
    stage.runtime.queue.counters["lost_messages"] += 2
    assert api.health.ready() == {"database": "ok", "queue": "ok", "lostRings": 2, "fencedResults": 1}
